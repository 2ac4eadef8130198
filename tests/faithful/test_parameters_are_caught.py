"""Every requirement on a parameter holds on a faithful server, and falls where it is ignored.

The suite runs as a person runs it, in processes of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faithful.engine import Engine
from tests.faithful.server import FaithfulServer

ROOT = Path(__file__).parents[2]
API = ROOT / "conformance" / "api"
ALL = ("extensions", "metamorphic", "batch", "tokens", "sampling")

AREAS = {
    "good": ALL,
    "ignores-all": ALL,
    "reversed": ("sampling",),
    "temperature-last": ("sampling",),
    "one-seed": ("metamorphic",),
    "tears": ("metamorphic",),
    "leaks": ("metamorphic",),
    "stale": ("metamorphic",),
    "retokenises": ("metamorphic", "tokens"),
    "off-by-one": ("metamorphic",),
    "miscounts": ("metamorphic", "tokens"),
    "reverses": ("metamorphic", "batch"),
}
"""Fault: where it is looked for."""

HOLDS = "api/extensions/passive", "api/batch/passive", "api/metamorphic/neutral"
"""Requirements that what changes nothing changes nothing: ignoring it is right."""

NOT_SERVED = {
    "api/extensions/prompt-embeds",
    "api/extensions/thinking-token-budget[chat]",
    "api/extensions/thinking-token-budget[completions]",
}

UNDECIDED = {
    "api/extensions/special-tokens[chat]",
    "api/extensions/special-tokens[completions]",
}
"""The scripted model's tokenizer adds no special tokens."""

RUNS = "import json, sys, pytest; [pytest.main(run) for run in json.load(sys.stdin)]"


def measure(engine: Engine, modes: list[str], folder: Path) -> None:
    """Run the suite against each fault, in one process, and leave the reports in `folder`."""
    with ExitStack() as stack:
        runs = []
        for mode in modes:
            server = stack.enter_context(FaithfulServer(engine, mode))
            runs.append(
                [
                    *("-p", "no:cacheprovider", "-q"),
                    *(str(API / area) for area in AREAS[mode]),
                    *("--base-url", server.base_url, "--report", str(folder / mode)),
                    *("--tokenizer", str(engine.folder)),
                ]
            )
        subprocess.run(
            [sys.executable, "-c", RUNS],
            input=json.dumps(runs),
            cwd=ROOT,
            text=True,
            capture_output=True,
            timeout=600,
        )


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """By fault, what each requirement came to; two at a time, measured once."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    wanted = {"good", *(call.params["mode"] for call in calls if call and "mode" in call.params)}
    modes = [mode for mode in AREAS if mode in wanted]
    folder, engine = tmp_path_factory.mktemp("faithful"), Engine()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(measure, [engine] * 2, [modes[::2], modes[1::2]], [folder] * 2))
    return {mode: _read(folder / mode / "certificate.json") for mode in modes}


def _read(certificate: Path) -> dict[str, str]:
    results = json.loads(certificate.read_text())["results"]
    return {result["id"]: result["outcome"] for result in results}


def fallen(found: dict[str, str]) -> set[str]:
    return {id for id, outcome in found.items() if outcome in ("FAIL", "SILENT")}


def test_all_hold_on_a_faithful_server(outcomes):
    found = {id: outcome for id, outcome in outcomes["good"].items() if outcome != "PASS"}
    assert found == dict.fromkeys(NOT_SERVED, "UNSUPPORTED") | dict.fromkeys(
        UNDECIDED, "INCONCLUSIVE"
    )
    assert len(outcomes["good"]) > 300


def test_what_is_ignored_is_silent_or_fails(outcomes):
    found = outcomes["ignores-all"]
    assert "ERROR" not in found.values()
    kept = {
        id
        for id, outcome in found.items()
        if outcome == "PASS" and id.startswith(("api/extensions", "api/sampling", "api/batch/eff"))
    }
    assert {id for id in kept if not id.startswith(HOLDS)} == STILL_HOLD
    assert list(found.values()).count("SILENT") > 120


STILL_HOLD = {""}
