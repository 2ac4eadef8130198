"""Runs the `maccord` command as a person does, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ended:
    """A finished `maccord certify`."""

    code: int
    out: str
    err: str
    seconds: float
    report: Path

    @property
    def certificate(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.report / "certificate.json").read_text())
        return loaded

    def outcomes(self) -> dict[str, str]:
        return {result["id"]: result["outcome"] for result in self.certificate["results"]}


def command(report: Path, *arguments: object) -> list[str]:
    words = [sys.executable, "-m", "conformance", "certify", "--report", report, *arguments]
    return [str(word) for word in words]


def environment(**variables: str) -> dict[str, str]:
    """This process' environment without pytest's own variables."""
    kept = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    return {**kept, **variables}


def certify(report: Path, *arguments: object, timeout_s: float = 120, **variables: str) -> Ended:
    """Run `maccord certify` to its end."""
    began = time.monotonic()
    done = subprocess.run(
        command(report, *arguments),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=environment(**variables),
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - began, report)
