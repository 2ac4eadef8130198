"""Attention by the Metal kernels: in the emulator what it is by MLX's operations."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from sys import executable

import mlx.core as mx
import numpy as np
import pytest

import fixtures.models
from conformance.compare import goldens as compare
from conformance.targets.errors import TargetError
from conformance.targets.runners.contract import Way
from conformance.targets.runners.on_reference import EmulatorAttention
from conformance.targets.runners.target import find
from conformance.targets.runners.ways import score
from fixtures import goldens
from reference.emulator import metal_kernel
from reference.metal.launch import MlxLauncher
from reference.model_runner import kernels
from reference.model_runner.attention import MlxAttention, Scores
from reference.model_runner.checkpoint import CheckpointError
from reference.model_runner.kernels import KernelAttention
from reference.model_runner.pool import LayerShape
from reference.model_runner.step import of_sequences

SMALL = [name for name in fixtures.models.names() if name != "SmolLM2-135M-Instruct"]
PROMPTS = ("short", "block-33", "period")
HEADS = LayerShape(2, 64, 64)
EMULATED = partial(KernelAttention, launcher=MlxLauncher(gpu=False))


@pytest.mark.parametrize("name", SMALL)
def test_every_architecture_is_as_exact_by_the_kernels(name):
    """Prefill and decode in the same steps, over windows, soft caps, sinks and latents."""
    runner = EmulatorAttention(fixtures.models.path(name), "float32")
    assert runner.model.attention_name == "emulator"
    golden = goldens.load(name)
    prompts = {key: golden.prompts[key] for key in PROMPTS}
    found = compare.distance(golden, score(runner, prompts, Way.CHUNKS))
    assert found.inside, f"{found.worst} of {found.bound} {found.where}"
    assert found.positions > 50


def pools(dtype, seed=0, size=64, blocks=100):
    keys, values = mx.random.normal((2, blocks, 16, 2, size), key=mx.random.key(seed)).astype(dtype)
    return keys, values


def steps():
    """Sequences that lie in the pool in no order: decode over long contexts and short, prefill."""
    blocks = np.random.default_rng(0).permutation(100).tolist()
    long, longer, short = blocks[:33], blocks[33:73], blocks[73:75]
    return {
        "mixed": [([1], 519, long), ([1] * 9, 11, short), ([1], 630, longer), ([1], 511, long)],
        "long": [([1], 519, long), ([1], 630, longer)],
        "short": [([1], 17, short), ([1] * 9, 300, longer)],
    }


@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16])
@pytest.mark.parametrize("name", ["mixed", "long", "short"])
def test_partitions_windows_caps_and_sinks_in_one_step(name, dtype):
    step = of_sequences(steps()[name], 16)
    keys, values = pools(dtype)
    query = mx.random.normal((len(step.positions), 6, 64), key=mx.random.key(1)).astype(dtype)
    sinks = mx.random.normal((6,), key=mx.random.key(2)).astype(dtype)
    for scores in (Scores(0.125), Scores(0.3, 100, 5.0, sinks)):
        ours, theirs = (
            attention(step)(query, keys, values, scores) for attention in (EMULATED, MlxAttention)
        )
        assert ours.dtype == theirs.dtype == dtype and ours.shape == theirs.shape
        near = 2e-6 if dtype == mx.float32 else 2**-7  # a last place of bfloat16 below 2
        np.testing.assert_allclose(
            *(np.array(each.astype(mx.float32)) for each in (ours, theirs)), atol=near
        )


def test_mlx_is_given_what_the_emulator_is_given(monkeypatch):
    """No GPU is here: the emulator's function, which takes MLX's arrays, is called for MLX's."""
    monkeypatch.setattr(mx.fast, "metal_kernel", metal_kernel)
    step = of_sequences(steps()["mixed"], 16)
    query = mx.random.normal((len(step.positions), 6, 64), key=mx.random.key(1))
    given = query, *pools(mx.float32), Scores(0.125)
    by_mlx = KernelAttention(step, MlxLauncher(gpu=True, check=None))(*given)
    assert mx.array_equal(by_mlx, EMULATED(step)(*given))


def test_latents_of_the_pool_are_evaluated_and_copied():
    runner = EmulatorAttention(fixtures.models.path("deepseek-mla"), "float32")
    assert [shape.value_size for shape in runner.model.shapes] == [0, 0]
    runner.logits(list(range(20)))
    runner.pool.copy_blocks([(0, 5), (1, 6)])
    mx.eval(runner.pool.keys, runner.pool.values)
    assert mx.array_equal(runner.pool.keys[1][:2], runner.pool.keys[1][5:7])


def test_what_is_not_here_is_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="no attention 'cuda'; choose mlx, metal, emulator"):
        kernels.check("cuda")
    if not mx.metal.is_available():
        with pytest.raises(ValueError, match="MLX has no Metal here"):
            kernels.choose("metal", [HEADS])
        with pytest.raises(TargetError, match="MLX has no Metal here"):
            find("reference-metal", Path(executable), None, tmp_path / "log")
    with pytest.raises(ValueError, match="Blocks of 4 tokens are no multiple of 8"):
        kernels.check_blocks("emulator", 4)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        (LayerShape(2, 32, 32), r"take heads of 64, .* numbers, not 32"),
        (LayerShape(2, 192, 128), "no keys of 192 with values of 128"),
        (LayerShape(1, 1088, 0), "no memory for latents of 1088"),
    ],
)
def test_layers_that_the_kernels_do_not_take(monkeypatch, caplog, shape, sentence):
    """Refused where the kernels were asked for; where they are the default, MLX's operations."""
    with pytest.raises(CheckpointError, match=sentence):
        kernels.choose("emulator", [HEADS, shape])
    monkeypatch.setattr(kernels, "has_gpu", lambda: True)
    assert kernels.choose(None, [HEADS])[0] == "metal"
    assert kernels.choose(None, [HEADS, shape]) == ("mlx", MlxAttention)
    assert "MLX's operations compute it" in caplog.text
