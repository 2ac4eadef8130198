"""Checkpoints of mlx-lm's 4 and 8 bits: the function of the weights that their bits stand for."""

from __future__ import annotations

import json
import shutil

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model

import fixtures.models
from fixtures import goldens
from reference.model_runner import checkpoint
from reference.model_runner.loading import _classes
from reference.model_runner.runner import MlxModelRunner


def saved(folder, source, weights, **config):
    """A checkpoint with other weights than the one at `source`."""
    folder.mkdir()
    shutil.copy(source / "config.json", folder)
    held = json.loads((source / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(held | config))
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})
    return folder


def quantised(name, tmp_path, bits, mode="affine", only=""):
    """A fixture model's folder, its weights quantised; and those as numbers again in another.

    Args:
        only: part of the names of the layers that are quantised.
    """
    source = fixtures.models.path(name)
    told = checkpoint.for_mlx_lm(checkpoint.read(source))
    model, _ = load_model(source, model_config=told, get_model_classes=_classes)
    model.set_dtype(mx.float32)
    numbers = dict(tree_flatten(model.parameters()))
    how = {"group_size": 64 if mode == "affine" else 32, "bits": bits, "mode": mode}
    named = lambda path, part: only in path and hasattr(part, "to_quantized")  # noqa: E731
    nn.quantize(model, **how, class_predicate=named)
    packed = dict(tree_flatten(model.parameters()))
    for stem in (key.removesuffix(".scales") for key in packed if key.endswith(".scales")):
        parts = (packed.get(f"{stem}.{part}") for part in ("weight", "scales", "biases"))
        numbers[f"{stem}.weight"] = mx.dequantize(*parts, **how)
    return (
        saved(tmp_path / "packed", source, packed, quantization=how, quantization_config=how),
        saved(tmp_path / "numbers", source, numbers),
    )


def logits(folder, name, dtype="float32"):
    return MlxModelRunner(folder, dtype).logits(list(goldens.load(name).prompts["period"][:40]))


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("name", ["llama-gqa", "gemma2-softcap", "qwen3-moe", "deepseek-mla"])
def test_bits_stand_for_their_numbers(tmp_path, name, bits):
    """Untied heads and tied, experts, latents."""
    packed, numbers = quantised(name, tmp_path, bits)
    found, expected = logits(packed, name), logits(numbers, name)
    np.testing.assert_allclose(found, expected, atol=2e-4)
    plain = logits(fixtures.models.path(name), name)
    assert np.abs(found - plain).max() > 0.01  # bits were lost: it is another function


def test_experts_of_4_bits_in_bfloat16(tmp_path):
    packed, numbers = quantised("qwen3-moe", tmp_path, 4)
    found, exact = (logits(folder, "qwen3-moe", "bfloat16") for folder in (packed, numbers))
    assert (
        0 < np.abs(found - exact).max() < 4 * goldens.load("qwen3-moe").provenance["bfloat16_error"]
    )


def test_experts_of_4_bits_as_gpt_oss_has_them(tmp_path):
    """Released checkpoints hold MXFP4 in blocks of 32, gate and up projection in turns."""
    packed, numbers = quantised("gpt-oss-sinks", tmp_path, 4, "mxfp4", only="experts")
    weights = dict(mx.load(str(packed / "model.safetensors")))
    for stem in {key[: key.index("experts") + 7] for key in weights if "experts" in key}:
        for out, parts in (
            ("gate_up_proj", ("gate_proj", "up_proj")),
            ("down_proj", ["down_proj"]),
        ):
            for kind, suffix in (("weight", "_blocks"), ("scales", "_scales"), ("bias", "_bias")):
                arrays = [weights.pop(f"{stem}.{part}.{kind}") for part in parts]
                found = mx.stack(arrays, axis=2).flatten(1, 2)
                if kind == "weight":
                    found = mx.unflatten(found.view(mx.uint8), -1, (-1, 16))
                weights[f"{stem}.{out}{suffix}"] = found
    released = saved(
        tmp_path / "released",
        fixtures.models.path("gpt-oss-sinks"),
        weights,
        quantization_config={"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]},
    )
    found, expected = (logits(folder, "gpt-oss-sinks") for folder in (released, numbers))
    np.testing.assert_allclose(found, expected, atol=2e-4)
