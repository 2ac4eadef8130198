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


def command(report: Path, *arguments: object, workers: int | None = 1) -> list[str]:
    """The words of `maccord certify`.

    Args:
        workers: requests in flight at once, None for the command's own default. Each is a process
            with two seconds of imports, which most tests have no use for.
    """
    words = [sys.executable, "-m", "conformance", "certify", "--report", report, *arguments]
    words += [] if workers is None else ["-n", workers]
    return [str(word) for word in words]


def environment(**variables: str) -> dict[str, str]:
    """This process' environment without pytest's own variables."""
    kept = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    return {**kept, **variables}


def certify(
    report: Path,
    *arguments: object,
    workers: int | None = 1,
    timeout_s: float = 120,
    **variables: str,
) -> Ended:
    """Run `maccord certify` to its end; see `command`."""
    began = time.monotonic()
    done = subprocess.run(
        command(report, *arguments, workers=workers),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=environment(**variables),
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - began, report)


ROOT = Path(__file__).parents[2]
RECIPE = """
name = "{name}"
summary = "The misbehaving server, as a backend of one's own"
homepage = "https://example.org"
proven = ""
platforms = ["linux", "darwin"]
model_format = "safetensors"
base_path = "/v1"

[install]
how = "venv"
requirements = ["maccord"]
distribution = "pip"

[start]
command = ["{{python}}", "-m", "tests.misbehaving", "--port", "{{port}}"{arguments}]
env = {{ PYTHONPATH = "{root}" }}
served_model = "canned"
health = "/v1/models"
ready_timeout_s = {ready_timeout_s}
{models}
[claims]
operations = ["chat.completions.create"]
source = "https://example.org"
"""


def misbehaving(
    file: Path, *arguments: str, ready_timeout_s: float = 20, models: str = ""
) -> list[object]:
    """Options that start the misbehaving server as a backend, by a recipe in a file.

    Args:
        arguments: of the server.
        models: tables of the recipe with arguments for some models.
    """
    words = "".join(f', "{argument}"' for argument in arguments)
    text = RECIPE.format(
        name=file.stem, arguments=words, root=ROOT, ready_timeout_s=ready_timeout_s, models=models
    )
    file.write_text(text)
    return ["--backend", file, "--backend-python", sys.executable]
