"""Several runs of the suite in one process: most of a short one would be spent on imports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAM = "import json, sys, pytest; [pytest.main(run) for run in json.load(sys.stdin)]"
ALWAYS = (
    *("-p", "no:cacheprovider", "-q"),
    # It collects garbage again and again when a run ends, half a second of a core each time.
    *("-p", "no:unraisableexception"),
)


def run(
    runs: Sequence[Sequence[str]], *, timeout_s: float, env: Mapping[str, str] | None = None
) -> None:
    """Runs pytest with these arguments, one after the other; the reports tell what came of it."""
    subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([[*ALWAYS, *each] for each in runs]),
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=timeout_s,
        env=env,
    )


def results(report: Path) -> dict[str, dict[str, object]]:
    """What a run left in its report, by requirement."""
    certificate = json.loads((report / "certificate.json").read_text(encoding="utf-8"))
    return {each["id"]: each for each in certificate["results"]}


def outcomes(report: Path) -> dict[str, str]:
    """What each requirement came to in a run."""
    return {id: str(result["outcome"]) for id, result in results(report).items()}
