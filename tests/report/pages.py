"""Whole reports of runs that were made up, as files: there a change of the reports is seen whole.

`python -m tests.report.pages` writes them anew; what has changed is then read as a diff.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from conformance.outcomes import Level, Outcome
from conformance.report.certificate import Certificate, write
from conformance.report.junit import write_junit
from conformance.report.merge import Part, Whole, merge
from conformance.report.numerics import compared
from conformance.report.page import write_page
from conformance.report.terminal import summary
from tests.report.samples import certificate, realistic, result

FOLDER = Path(__file__).with_name("approved")


def stretches(*largest: float, limit: float | None = 0.01) -> list[dict[str, Any]]:
    """KL by position, with these largest values; of the last one production's own is not known."""
    begins = [0, *(2**power for power in range(len(largest)))]
    return [
        {
            "begin": begin, "count": 4 + begin, "mean": value / 8, "p99": value / 2, "max": value,
            "limit": limit if begin < 32 else None,
        }
        for begin, value in zip(begins, largest, strict=False)
    ]  # fmt: skip


def parting(position: int, margin: float, mine: str, theirs: str) -> dict[str, Any]:
    return {
        "prompt": "story", "position": position, "length": 5, "expected": 1, "chosen": 2,
        "margin": margin, "production": [1, 3], "target": [2, 3],
        "production_text": mine, "target_text": theirs,
    }  # fmt: skip


def figures(**values: float) -> list[dict[str, Any]]:
    return [{"name": name, "value": value, "limit": 0.5} for name, value in values.items()]


COMPARISONS: list[dict[str, Any]] = [
    {
        "model": "near", "scope": "server", "verdict": "inside", "reason": "It is near.",
        "diagnosis": None, "positions": 640, "shown": 20, "agreement": 0.9996, "rank": 0.875,
        "figures": figures(kl_mean=0.25, kl_p99=0.5, kl_max=0.125, parted=0.375),
        "by_position": stretches(1e-7, 0.001, 0.002, 0.01, 0.003, 0.004, 0.4),
        "divergences": [
            parting(5, 0.5, "One day", "Some day"),
            parting(6, 0.375, "A fox ran", "A fox sat"),
            parting(9, 0.25, "A fox ran", "A fox ran"),
            parting(9, 0.0, "w" * 160 + " one" + "r" * 300, "w" * 160 + " two" + "r" * 263),
        ],
        "route": "prompt_logprobs", "requests": 12, "seconds": 4.25, "left_out": ["long", "empty"],
        "way": "unused",
    },
    {
        "model": "far", "scope": "runner", "verdict": "outside", "reason": "The scale is wrong.",
        "diagnosis": "The scale is wrong.", "positions": 64, "shown": 256, "agreement": 0.5,
        "rank": 0.25, "figures": figures(kl_mean=0.75, kl_max=123456.0, unheard_of=0.5),
        "by_position": stretches(0.5, 12.0, 3.0), "way": "paged", "broken": 3,
        "divergences": [{**parting(7, 2.0, "", "")}],
        "quantised": {
            "bits": 4, "looks_like": 4, "kl_mean": 0.02, "kl_mean_limit": 0.03, "kl_p999": 0.4,
            "kl_p999_limit": 0.6, "same_top1": 0.9, "same_top1_limit": 0.85,
            "reason": "At 64 positions it costs no more.",
        },
    },
    {
        "model": "far", "scope": "runner", "verdict": "undecided", "reason": "Too few positions.",
        "diagnosis": None, "positions": 0, "shown": 5, "agreement": 1.0, "rank": 1.0,
        "figures": [], "by_position": [], "divergences": [], "requests": 2,
        "quantised": {"bits": None, "limits_are_of_bits": 8, "kl_mean": 0.5, "kl_mean_limit": 0.25},
    },
    {
        "model": "shallow", "scope": "server", "verdict": "outside", "reason": "It is all over.",
        "diagnosis": None, "positions": 16, "shown": 5, "agreement": 1.0, "rank": 1.0,
        "figures": [{"name": "kl_max", "value": 0.5, "limit": 0.0}],
        "by_position": stretches(0.5, 0.25), "divergences": [],
        "quantised": {"bits": None, "looks_like": "unquantised"},
    },
]  # fmt: skip
"""Each verdict, both scopes, and all that may be left out, left out somewhere."""
del COMPARISONS[1]["divergences"][0]["production_text"]


def numerics() -> Certificate:
    failed = result("numerics/distribution/kl[far]", Level.MUST, Outcome.FAIL, "It is far.")
    return certificate([failed], numerics=COMPARISONS)


def void() -> Certificate:
    """A run that ended in the middle, with an ERROR and a requirement that says nothing."""
    results = [
        result("api/chat/a", Level.MUST, Outcome.PASS),
        result("api/chat/b", Level.MUST, Outcome.ERROR, "The fixture is gone. It was moved."),
        result("api/chat/c", Level.MUST, Outcome.FAIL, "", cause="", exchanges=[]),
        result("api/chat/d", Level.SHOULD, Outcome.INCONCLUSIVE, "", cause="A tie", actual="a"),
    ]
    made = certificate(results, expected_total=40, log_tail="\x1b[31mOut of memory\x1b[0m")
    return replace(made, target=replace(made.target, model=""))


def unbegun() -> Certificate:
    return certificate([], void="the server never started.", expected_total=40, log_tail=None)


def served() -> Certificate:
    """A run over four models: measured twice, refused once, and once its turn never came."""
    blank = certificate([], void="not judged yet.")
    tail = "Out of memory"
    parts = [
        Part(
            model,
            (made := certificate(results, notes=[f"{model} is slow."], log_tail=tail)).results,
            replace(made, phases={"start": 2.04, "requests": 4.04}, numerics=COMPARISONS[:1]),
        )
        for model, results in (
            ("scripted", [result("numerics/distribution/kl[scripted]", Level.MUST, Outcome.PASS)]),
            ("near", [result("numerics/distribution/kl[near]", Level.MUST, Outcome.FAIL, "No.")]),
        )
    ]
    left = [result("numerics/model/served[gpt-oss]", Level.SHOULD, Outcome.UNSUPPORTED, "No.")]
    lost = [result("numerics/model/served[phi3]", Level.SHOULD, Outcome.ERROR, "It ended.")]
    others = [
        Part("gpt-oss", left, refused=True, start_s=3.04, reason="It stopped.", log_tail="gone"),
        Part("phi3", lost, reason="It was interrupted."),
    ]
    whole = Whole([*parts, *others], ("scripted",), 17, "It was interrupted")
    return replace(merge(whole, blank), control=None)


def page(made: Certificate) -> str:
    """The page without its style and script, and its empty lines."""
    with TemporaryDirectory() as folder:
        write_page(made, Path(folder, "report.html"))
        text = Path(folder, "report.html").read_bytes().decode("utf-8")
    text = re.sub(r"<(style|script)\b.*?</\1>", "", text, flags=re.DOTALL)
    return re.sub(r"\n\s*\n", "\n", text)


def written(made: Certificate) -> str:
    with TemporaryDirectory() as folder:
        write(made, Path(folder, "certificate.json"))
        return Path(folder, "certificate.json").read_bytes().decode("utf-8")


def junit(made: Certificate) -> str:
    with TemporaryDirectory() as folder:
        write_junit(made, Path(folder, "junit.xml"))
        return Path(folder, "junit.xml").read_bytes().decode("utf-8")


def terminal(made: Certificate) -> str:
    """As a terminal of 100 columns shows it, with escapes written so that a diff shows them."""
    sink = io.StringIO()
    console = Console(
        file=sink, width=100, force_terminal=True, color_system="standard", _environ={}
    )
    summary(made, console, [Path("/reports/report.html"), Path("/reports/certificate.json")])
    return sink.getvalue().replace("\x1b", "␛")


def words(made: Certificate) -> str:
    told = [{**asdict(each), "mark": each.mark, "tone": each.tone} for each in compared(made)]
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "junit.xml": lambda: junit(realistic()),
    "junit-void.xml": lambda: junit(void()),
    "junit-unbegun.xml": lambda: junit(unbegun()),
    "junit-numerics.xml": lambda: junit(numerics()),
    "terminal.txt": lambda: terminal(realistic()),
    "terminal-void.txt": lambda: terminal(void()),
    "terminal-numerics.txt": lambda: terminal(numerics()),
    "page.html": lambda: page(realistic()),
    "page-void.html": lambda: page(void()),
    "page-numerics.html": lambda: page(numerics()),
    "served.json": lambda: written(served()),
    "numerics.json": lambda: words(numerics()),
}
"""By the name of the file."""

if __name__ == "__main__":
    for name, made in PAGES.items():
        (FOLDER / name).write_bytes(made().encode("utf-8"))
