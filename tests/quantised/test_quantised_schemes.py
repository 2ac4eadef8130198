"""Weights are rounded as the field's own tools round them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType
from safetensors.torch import load_file

import fixtures.models
from fixtures.snapshots.quantised import schemes

BY_NAME = {scheme.name: scheme for scheme in schemes.SCHEMES}

# sha256 of the scripted model's matrices, in the order of their names, as MLX 0.32.4 reads them:
# `mx.dequantize(q, scales.astype(mx.float32), biases.astype(mx.float32), group, bits)` of
# `mx.quantize(w, group, bits)`.
MLX = {
    (8, 32): "7ddf9bcac1b4d137",
    (8, 64): "1f023d7d06443601",
    (8, 128): "9a2090b0a410e95d",
    (6, 64): "7a4d390743891f48",
    (4, 32): "40d2a3b66656ebdd",
    (4, 64): "f37a6ba225d05e7f",
    (4, 128): "dd0fb996ddf7a951",
    (3, 64): "dbba8c6720f17d81",
}


@pytest.fixture(scope="module")
def tensors():
    return load_file(fixtures.models.path("scripted") / "model.safetensors")


def random(*shape, dtype=torch.bfloat16):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7)).to(dtype)


@pytest.mark.parametrize(("bits", "group"), MLX)
def test_affine_rounding_is_that_of_mlx_to_the_last_bit(tensors, bits, group):
    digest = hashlib.sha256()
    for name in sorted(tensors):
        if tensors[name].ndim == 2:
            digest.update(schemes.affine(tensors[name], bits, group).numpy().tobytes())
    assert digest.hexdigest().startswith(MLX[bits, group])


@pytest.mark.parametrize(("bits", "group"), MLX)
def test_affine_rounding_is_that_of_the_mlx_that_is_installed(bits, group):
    mx = pytest.importorskip("mlx.core")
    weights = random(48, 256)
    given = mx.array(weights.to(torch.float32).numpy()).astype(mx.bfloat16)
    stored, scales, biases = mx.quantize(given, group_size=group, bits=bits)
    wide = (found.astype(mx.float32) for found in (scales, biases))
    read = mx.dequantize(stored, *wide, group_size=group, bits=bits)
    assert np.array_equal(np.array(read), schemes.affine(weights, bits, group).numpy())


@pytest.mark.parametrize(("bits", "group"), MLX)
def test_affine_rounding_errs_by_half_a_step_where_scales_are_exact(bits, group):
    weights = random(16, 256, dtype=torch.float32)
    groups = weights.reshape(16, -1, group)
    step = (groups.amax(-1) - groups.amin(-1)) / ((1 << bits) - 1)
    apart = (schemes.affine(weights, bits, group).reshape(groups.shape) - groups).abs().amax(-1)
    # The step is changed so that 0 is a value, by half of one in as many as there are below it.
    assert (apart <= 1.1 * step).all()
    assert (apart >= 0.2 * step).all()


def test_q4_1_finds_its_own_values_again_and_other_schemes_do_not():
    """SmolLM2 was Q4_1 before it was bfloat16: that scheme is no measure of what 4 bits cost it."""
    weights = random(64, 256, dtype=torch.float32)
    once = schemes.ggml(weights, GGMLQuantizationType.Q4_1)
    again = (schemes.ggml(once, GGMLQuantizationType.Q4_1) - once).abs().mean()
    fresh = (once - weights).abs().mean()
    assert again < 0.01 * fresh
    others = [schemes.affine(once, 4, 32), schemes.ggml(once, GGMLQuantizationType.Q4_0)]
    assert all((read - once).abs().mean() > 0.5 * fresh for read in others)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (GGMLQuantizationType.Q8_0, 256),
        (GGMLQuantizationType.Q4_0, 16),
        (GGMLQuantizationType.Q4_1, 16),
    ],
    ids=lambda kind: str(kind),
)
def test_llama_cpp_rounds_a_group_to_as_many_values_as_bits_allow(kind, values):
    weights = random(8, 64)
    read = schemes.ggml(weights, kind)
    assert read.shape == weights.shape
    assert all(len(group.unique()) <= values for group in read.reshape(-1, 32))
    assert 0 < (read - weights.float()).abs().max() < weights.float().abs().max()


def test_every_matrix_is_rounded_and_nothing_else(tensors):
    found = dict(schemes.quantised(tensors, BY_NAME["affine-4-g64"], "llama"))
    assert found.keys() == tensors.keys()
    changed = {name for name in tensors if not torch.equal(found[name], tensors[name].float())}
    assert changed == {name for name in tensors if tensors[name].ndim == 2}
    assert "model.embed_tokens.weight" in changed


def test_a_matrix_that_no_group_divides_stays():
    weights = {"model.layers.0.mlp.up_proj.weight": random(4, 96)}
    for scheme, same in (("affine-4-g64", True), ("affine-4-g32", False)):
        ((_, found),) = schemes.quantised(weights, BY_NAME[scheme], "llama")
        assert torch.equal(found, *(each.float() for each in weights.values())) == same


@pytest.mark.parametrize(
    ("kind", "scheme", "rounded"),
    [
        ("qwen3_moe", "affine-4-g64", True),
        ("gpt_oss", "affine-4-g64", True),
        ("deepseek_v3", "affine-4-g64", False),
        ("qwen3_moe", "Q4_0", False),
    ],
)
def test_a_router_keeps_8_bits_in_mlx_lm_and_all_in_llama_cpp(kind, scheme, rounded):
    weights = {"model.layers.0.mlp.gate.weight": random(8, 256)}
    ((_, found),) = schemes.quantised(weights, BY_NAME[scheme], kind)
    exact = next(iter(weights.values())).float()
    assert torch.equal(found, exact) != rounded
    if rounded:
        assert torch.equal(found, schemes.affine(weights.popitem()[1], 8, 64))


def test_experts_that_are_stored_transposed_are_rounded_along_their_inputs():
    weights = random(2, 128, 96)  # [experts, inputs, outputs]
    name = "model.layers.0.mlp.experts.down_proj"
    ((_, found),) = schemes.quantised({name: weights}, BY_NAME["affine-4-g128"], "gpt_oss")
    each = schemes.affine(weights.transpose(1, 2).contiguous(), 4, 128).transpose(1, 2)
    assert torch.equal(found, each)
    biases = {f"{name}_bias": random(2, 128)}
    ((_, found),) = schemes.quantised(biases, BY_NAME["affine-4-g128"], "gpt_oss")
    assert torch.equal(found, biases.popitem()[1].float())
