"""Goldens are what PyTorch computes, and say for themselves how exactly."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import fixtures.models
from fixtures import goldens
from fixtures.goldens import float64, make
from fixtures.goldens.prompts import prompts
from fixtures.models.cache import FixtureError
from fixtures.models.matrix import forward

MODELS = {model.name: model for model in fixtures.models.describe()}
SAMPLE = ("short", "block-17", "window+1", "specials")


def test_every_model_has_one_and_all_are_small():
    assert set(goldens.names()) == set(MODELS)
    size = sum(file.stat().st_size for file in Path(goldens.FOLDER).rglob("*") if file.is_file())
    assert size < 20_000_000


@pytest.mark.parametrize("name", MODELS)
def test_a_golden_is_of_the_model_as_it_is(name):
    golden = goldens.load(name)
    assert golden.provenance["model_sha256"] == MODELS[name].sha256
    assert golden.provenance["float32_error"] <= golden.provenance["float32_bound"]
    assert {"one", "short", "long", "repeated", "period", "specials"} <= golden.prompts.keys()
    for prompt, ids in golden.prompts.items():
        assert golden.tensors[f"{prompt}/token_ids"].tolist() == ids
        for dtype in ("float32", "float64"):
            top = golden.tensors[f"{prompt}/{dtype}/top_logits"]
            assert top.shape == (len(ids), goldens.TOP) and top.dtype == dtype
            logsumexp = golden.tensors[f"{prompt}/{dtype}/logsumexp"]
            assert np.isfinite(top).all() and (logsumexp > top[:, 0] - 1e-6).all()
            if (whole := golden.tensors.get(f"{prompt}/{dtype}/logits")) is not None:
                at = golden.tensors[f"{prompt}/positions"]
                ranked = golden.tensors[f"{prompt}/top_ids"][at]
                assert np.array_equal(np.take_along_axis(whole, ranked, axis=-1), top[at])


@pytest.mark.parametrize("name", ["gemma2-softcap", "gpt-oss-sinks", "deepseek-mla"])
def test_a_sample_is_computed_again(matrix, name):
    folder, golden = matrix(name), goldens.load(name)
    assert make.prompt_set(folder) == golden.prompts
    chosen = {prompt: ids for prompt, ids in golden.prompts.items() if prompt in SAMPLE}
    for dtype in ("float32", "float64"):
        allowed = golden.provenance[f"{dtype}_bound"]
        for prompt, logits in make.compute(folder, dtype, chosen).items():
            assert logits.dtype == dtype
            at = golden.tensors[f"{prompt}/positions"]
            apart = np.abs(logits[at] - golden.tensors[f"{prompt}/float64/logits"])
            assert apart.max() <= allowed, f"{prompt} in {dtype}"


def test_float64_is_more_than_a_float64_model(matrix):
    folder = matrix("llama-gqa")
    golden = goldens.load("llama-gqa")
    half = forward.load(folder, "float64")
    import torch

    ids = torch.tensor([golden.prompts["short"]])
    with torch.inference_mode():
        inside = half(ids, use_cache=False).logits[0].numpy()
    last = golden.tensors["short/float64/logits"][-1]
    assert np.abs(inside[-1] - last).max() > 1000 * golden.provenance["float64_bound"]
    with float64.Float64():
        assert torch.ones(2).to(torch.float32).float().dtype == torch.float64


def test_prompts_visit_every_boundary():
    found = prompts(512, [0, 7], window=40)
    assert {len(ids) for ids in found.values()} >= {1, 5, 15, 16, 17, 31, 32, 33, 39, 40, 41, 320}
    assert set(found["repeated"]) == {found["repeated"][0]}
    assert {0, 7} <= set(found["specials"])
    assert not any({0, 7} & set(ids) for name, ids in found.items() if name != "specials")


def test_a_changed_golden_is_refused(tmp_path):
    shutil.copytree(goldens.FOLDER / "llama-gqa", tmp_path / "llama-gqa")
    assert goldens.load("llama-gqa", tmp_path).provenance["model"] == "llama-gqa"
    os.truncate(tmp_path / "llama-gqa" / goldens.TENSORS, 1000)
    with pytest.raises(FixtureError, match=r"golden of llama-gqa has sha256 .*, expected"):
        goldens.load("llama-gqa", tmp_path)
    with pytest.raises(FixtureError, match="There is no golden of 'gpt'"):
        goldens.load("gpt", tmp_path)
    assert json.loads((goldens.FOLDER / "llama-gqa" / goldens.PROVENANCE).read_text())["machine"]
