"""The reference where it has to be robust: faults in MLX, bad checkpoints, too little memory.

Each starts a model server on the CPU, which wants the machine for itself: tox runs them apart.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from command import certify, environment
from faulty_plugin import ROWS, SAID
from real_engine import REFUSED, SEQUENCES

import fixtures.models
from conformance.targets import recipes
from conformance.targets.environment import prepare
from conformance.targets.ports import free_port
from conformance.targets.progress import quiet

HERE = Path(__file__).parent
SERVED_S, ENDED_S = 300, 60


@pytest.fixture(scope="module")
def python() -> Path:
    return prepare(recipes.load("reference"), python=None, progress=quiet)


@pytest.fixture
def faulty(python: Path, tmp_path: Path) -> Path:
    """An interpreter in which vLLM finds `faulty_plugin`."""
    plugins = tmp_path / "plugins"
    about = plugins / "faulty-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        "[vllm.general_plugins]\nfaulty = faulty_plugin:register\n"
    )
    shutil.copy(HERE / "faulty_plugin.py", plugins)
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{plugins}" exec {python} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


@contextmanager
def serving(python: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """`maccord serve` with the scripted model, once it says that it serves."""
    words = ["serve", "--model", "scripted", "--port", str(port), "--python", str(python)]
    with subprocess.Popen(
        [sys.executable, "-m", "conformance", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout
        try:
            said = ""
            while "is served at" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            yield process
        finally:
            process.terminate()


def test_a_fault_in_mlx_fails_its_requests_and_ends_the_server_with_the_reason(
    faulty: Path,
) -> None:
    """Nobody waits: not who asked for too much, not who was being answered, not who serves."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1/completions"
    with serving(faulty, port) as process, ThreadPoolExecutor() as pool:
        begun = threading.Event()
        other = pool.submit(streamed, url, begun)
        assert begun.wait(ENDED_S)
        body = {"model": "scripted", "prompt": [7] * (ROWS + 1), "max_tokens": 5}
        failed = httpx.post(url, json=body, timeout=ENDED_S)
        out, _ = process.communicate(timeout=ENDED_S)
    assert (failed.status_code, failed.json()["error"]["type"]) == (500, "InternalServerError")
    assert '"error"' in other.result()
    assert process.returncode == 2
    assert f"The server ended by itself: MLX model runner: RuntimeError: {SAID}" in out


def streamed(url: str, begun: threading.Event) -> str:
    """The last line but `[DONE]` of a long streamed answer."""
    body = {"prompt": [5, 6], "max_tokens": 1900, "ignore_eos": True, "stream": True}
    last = ""
    with httpx.stream("POST", url, json={"model": "scripted", **body}, timeout=ENDED_S) as response:
        for line in response.iter_lines():
            begun.set()
            if line.startswith("data: {"):
                last = line
    return last


@pytest.fixture(scope="module")
def engines(python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `real_engine.py` found."""
    out = tmp_path_factory.mktemp("engines") / "found.json"
    recipe = recipes.load("reference")
    assert recipe.start
    paths = recipe.start.env["PYTHONPATH"].replace("{maccord}", str(HERE.parents[1]))
    subprocess.run(
        [python, HERE / "real_engine.py", fixtures.models.path("llama-gqa"), out],
        env=environment(PYTHONPATH=paths),
        check=True,
        timeout=600,
    )
    found: dict[str, Any] = json.loads(out.read_text())
    return found


@pytest.mark.parametrize("option", REFUSED)
def test_an_option_that_is_not_there_is_refused_by_name(
    engines: dict[str, Any], option: str
) -> None:
    assert "The reference backend does not support" in engines["refused"][option]


@pytest.mark.parametrize("schedule", ["again", "quarter", "chunks", "small-blocks"])
def test_texts_are_the_same_however_they_are_scheduled(
    engines: dict[str, Any], schedule: str
) -> None:
    seen = engines["schedules"]
    assert len(seen["plenty"]["texts"]) == SEQUENCES
    assert seen[schedule]["texts"] == seen["plenty"]["texts"]


def test_each_schedule_was_what_it_says(engines: dict[str, Any]) -> None:
    """Preemption with a quarter of the pool, hits in the prefix cache the second time."""
    seen = engines["schedules"]
    preempted = {name: seen[name]["preemptions"] > 0 for name in seen if name != "memory"}
    cached = {name: seen[name]["cached"] > 1000 for name in seen if name != "memory"}
    assert {name for name in preempted if preempted[name]} == {"quarter"}
    assert {name for name in cached if cached[name]} == {"again"}


def test_the_pool_has_the_bytes_that_were_asked_for(engines: dict[str, Any]) -> None:
    """Whole blocks of what all layers keep; with nothing asked, all that requests can use."""
    seen = engines["schedules"]
    for name in ("plenty", "quarter", "chunks", "small-blocks"):
        assert seen[name]["pool_bytes"] == seen[name]["blocks"] * seen[name]["block_bytes"], name
    quarter = seen["quarter"]
    assert 0 <= quarter["asked"] - quarter["pool_bytes"] < quarter["block_bytes"]
    assert seen["plenty"]["blocks"] == SEQUENCES * 512 // 16 + 1


def test_memory_does_not_grow_over_500_requests(engines: dict[str, Any]) -> None:
    """MLX's not by a byte; the process', vLLM in it, by less than a page or two a request."""
    memory = engines["schedules"]["memory"]
    assert len(memory["mlx"]) == 10 and len(set(memory["mlx"])) == 1
    first, *_, last = memory["process"][1:]  # after a warm-up of 100 requests
    assert last - first < 400 * 40_000


def test_certify_says_why_a_checkpoint_cannot_be_served(python: Path, tmp_path: Path) -> None:
    """A file of weights that was cut short: exit code 2, and one sentence."""
    folder = tmp_path / "cut-short"
    shutil.copytree(fixtures.models.path("scripted"), folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    wanted = ("--backend", "reference", "--backend-python", python, "--model", folder)
    ended = certify(tmp_path / "report", *wanted, workers=None, timeout_s=SERVED_S)
    assert ended.code == 2
    said = " ".join((ended.out + ended.err).split())
    assert "reference gave up: MLX model runner: mlx-lm does not load cut-short" in said
