"""The terminal shows what departs, and no server gets to draw on it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from conformance.outcomes import Level, Outcome
from conformance.report.certificate import Certificate
from conformance.report.numerics import headline
from conformance.report.terminal import summary
from tests.report.comparisons import comparisons
from tests.report.samples import certificate, hostile, realistic, result


def printed(
    made: Certificate, files: Sequence[Path] = (), *, width: int = 100, colour: bool = False
) -> str:
    sink = io.StringIO()
    summary(made, Console(file=sink, width=width, force_terminal=colour), files)
    return sink.getvalue()


def test_verdict_counts_and_order() -> None:
    text = printed(realistic(), [Path("/reports/report.html")])
    order = [
        realistic().verdict.sentence,
        "5 of 17 (29%)",
        "Silent departures (5)",
        "The server accepts sampling parameters and ignores them  4 requirements",
        "Failures (3)",
        "Unsupported, but required (1)",
        "Inconclusive (1)",
        "Waived as known failures (1)",
        "https://example.com/issues/12",
        "/reports/report.html",
    ]
    places = [text.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)


def test_a_departure_can_be_acted_on() -> None:
    lines = printed(realistic(), width=60).splitlines()
    at = next(n for n, line in enumerate(lines) if "api/chat/stop-list" in line)
    below = "\n".join(lines[at : at + 8])
    assert "MUST  control: PASS" in below
    assert "expected" in below and "actual" in below
    curl = next(line for line in lines[at:] if "curl" in line)
    assert curl.endswith('--data-binary \'{"model": "m"}\''), "a wrapped line cannot be pasted"


def test_the_numerics_take_a_line_for_each_model_outside() -> None:
    passed = result("numerics/distribution/kl[m]", Level.MUST, Outcome.PASS)
    lines = printed(certificate([passed], numerics=comparisons()), width=600).splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("Numerics: 2 of 4 models"))
    assert lines[at + 1].startswith("  ✗ gemma2-softcap  ")
    assert lines[at + 2].startswith("  ✗ mistral-window  Everything is right before position 40")
    assert "llama-gqa" not in "".join(lines)


def test_the_numerics_name_the_weights_only_where_they_are_quantised() -> None:
    passed = result("numerics/distribution/kl[m]", Level.MUST, Outcome.PASS)
    plain, told = comparisons(), comparisons()
    told[0]["quantised"] = {"bits": 4}
    for numerics, weights in ((plain, ""), (told, " Quantised: 4-bit weights.")):
        made = certificate([passed], numerics=numerics)
        line = next(one for one in printed(made, width=600).splitlines() if "Numerics" in one)
        assert line == f"Numerics: {headline(made)}{weights}"


def test_hostile_text_is_shown_not_obeyed() -> None:
    text = printed(hostile())
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "\\x1b[2J" in text
    assert "[bold red]markup[/]" in "".join(text.split("\n"))


def test_the_only_escapes_are_our_own() -> None:
    coloured = printed(hostile(), colour=True)
    assert "\x1b[" in coloured
    assert "\x1b[2J" not in coloured and "\x07" not in coloured


def test_a_void_run_shows_the_log_and_what_is_missing() -> None:
    made = certificate(
        [result("api/chat/a", Level.MUST, Outcome.PASS)],
        void="the server died.",
        expected_total=40,
        log_tail="\x1b[31mOut of memory\x1b[0m",
    )
    text = printed(made)
    assert "Could not be judged: the server died." in text
    assert "  Out of memory" in text
    assert "no result" in text and "39 of 40 (97%)" in text


def test_a_run_that_was_judged_does_not_show_the_log() -> None:
    passed = result("api/chat/a", Level.MUST, Outcome.PASS)
    assert "Out of memory" not in printed(certificate([passed], log_tail="Out of memory"))


def test_the_path_of_a_report_is_in_one_line() -> None:
    path = Path("/reports") / ("a-long-folder-" * 6) / "report.html"
    assert f"  {path}" in printed(realistic(), [path], width=60).splitlines()


def test_a_count_of_nothing_is_dim() -> None:
    lines = printed(realistic(), colour=True).splitlines()
    errors = next(line for line in lines if "ERROR" in line)
    assert "0 of 17" in errors
    assert "\x1b[1;31m" not in errors and errors.count("\x1b[2m") == 2


def test_a_long_value_keeps_its_name_and_loses_no_character() -> None:
    shown = "".join(f"{number:03}" for number in range(100))
    long = result("api/chat/a", Level.MUST, Outcome.FAIL, "No", expected="b", actual=shown)
    lines = [line.strip() for line in printed(certificate([long]), width=40).splitlines()]
    at = next(n for n, line in enumerate(lines) if line.startswith("actual"))
    assert "expected  b" in lines
    assert "".join(lines[at:]).removeprefix("actual").strip().startswith(shown)


def test_a_long_value_is_cut_and_says_so() -> None:
    long = result("api/chat/a", Level.MUST, Outcome.FAIL, "No", actual="x" * 5000)
    text = printed(certificate([long]))
    assert text.count("x" * 50) < 20
    assert "(thepageshowsall)" in "".join(text.split())
