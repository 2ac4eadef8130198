"""A checkpoint's configuration as mlx-lm is told it, and folders that are none."""

from __future__ import annotations

import json

import numpy as np
import pytest

import fixtures.models
from reference.model_runner import checkpoint
from reference.model_runner.checkpoint import CheckpointError


def test_windows_by_layer():
    def windows(name):
        return checkpoint.windows(checkpoint.read(fixtures.models.path(name)))

    assert windows("mistral-window") == [40, 40]
    assert windows("gemma3-local-global") == [32] * 5 + [None]
    assert windows("gpt-oss-sinks") == [32, None]
    assert windows("qwen3-qk-norm") == [None, None]


def test_rotary_bases_are_told_by_the_names_that_mlx_lm_reads():
    told = checkpoint.for_mlx_lm(checkpoint.read(fixtures.models.path("gemma3-local-global")))
    assert (told["rope_theta"], told["rope_local_base_freq"]) == (1e6, 1e4)
    assert told["sliding_window_pattern"] == 6
    told = checkpoint.for_mlx_lm(checkpoint.read(fixtures.models.path("llama3-rope")))
    assert told["rope_theta"] == 5e5 and told["rope_scaling"]["rope_type"] == "llama3"


def test_yarn_without_truncation_is_as_transformers_has_it():
    from transformers import AutoConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    from reference.model_runner.overrides import yarn_frequencies

    folder = fixtures.models.path("gpt-oss-sinks")
    rope = checkpoint.read(folder)["rope_parameters"]
    expected, _ = ROPE_INIT_FUNCTIONS["yarn"](AutoConfig.from_pretrained(folder), "cpu")
    found = yarn_frequencies(64, rope["rope_theta"], rope)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "is no checkpoint: config.json: No such file"),
        ("{", "config.json is no JSON"),
        ("[]", "config.json names no model_type"),
    ],
)
def test_a_folder_that_is_none_is_a_sentence(tmp_path, text, sentence):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=sentence):
        checkpoint.read(tmp_path)


def test_what_mlx_lm_does_not_load_is_said_in_its_words(tmp_path):
    from reference.model_runner.loading import load

    (tmp_path / "config.json").write_text(json.dumps({"model_type": "nonesuch"}))
    with pytest.raises(CheckpointError, match="mlx-lm does not load"):
        load(tmp_path)
