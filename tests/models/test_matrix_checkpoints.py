"""The matrix holds what it says: every family, and the same bytes everywhere."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time

import numpy as np
import pytest

import fixtures.models
from fixtures.models.cache import FixtureError
from fixtures.models.matrix import MATRIX, tokenizer, weights
from fixtures.models.matrix.architectures import ARCHITECTURES, BY_NAME

NAMES = list(BY_NAME)


def test_every_architecture_that_backends_got_wrong_is_there():
    assert {model.family for model in MATRIX} == {
        "cohere2",
        "deepseek_v3",
        "gemma2",
        "gemma3_text",
        "gpt_oss",
        "granite",
        "llama",
        "mistral",
        "olmo2",
        "phi3",
        "qwen2",
        "qwen3",
        "qwen3_moe",
        "smollm3",
    }
    assert len(set(NAMES)) == len(ARCHITECTURES) == len(MATRIX) == 15
    assert set(NAMES) <= set(fixtures.models.names())


def test_all_are_built_in_under_five_minutes(matrix):
    begun = time.monotonic()
    for name in NAMES:
        assert matrix(name).name == name  # each file was held against its sha256
    assert time.monotonic() - begun < 300
    begun = time.monotonic()
    for name in NAMES:
        matrix(name)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("name", NAMES)
def test_sizes_are_those_of_real_kernels(matrix, name):
    config = json.loads((matrix(name) / "config.json").read_text())
    heads = config["num_attention_heads"]
    assert (config.get("head_dim") or config["hidden_size"] // heads) in (64, 128)
    assert 2 <= config["num_hidden_layers"] <= 6
    assert config["vocab_size"] <= 2048
    assert config["max_position_embeddings"] > 4 * (BY_NAME[name].window or 0)
    assert config["dtype"] == "bfloat16"
    assert config["transformers_version"] == "5.19.0"
    assert config["model_type"] == BY_NAME[name].family
    assert config.get("sliding_window") == BY_NAME[name].window


def test_weights_depend_on_names_alone():
    made = weights.tensor(BY_NAME["llama-gqa"], "model.layers.0.self_attn.q_proj.weight", (64, 64))
    assert made.dtype == np.float32
    assert hashlib.sha256(made.tobytes()).hexdigest() == (
        "54a23b83ab135dcb713b80de4c6f7a5af9a3f1583d9b53201064ac328676866f"
    )
    with pytest.raises(KeyError, match=r"llama-gqa: no gain for model\.unheard"):
        weights.tensor(BY_NAME["llama-gqa"], "model.unheard", (4,))


@pytest.mark.parametrize("name", ["qwen3-moe", "gpt-oss-sinks", "deepseek-mla"])
def test_no_choice_of_an_expert_is_a_matter_of_rounding(matrix, name):
    import torch

    from fixtures.goldens.prompts import prompts
    from fixtures.models.matrix import forward

    chosen = {}
    for dtype in ("float32", "bfloat16"):
        model = forward.load(matrix(name), dtype)
        picked = chosen[dtype] = []
        for module_name, module in model.named_modules():
            if module_name.endswith(("mlp.gate", "mlp.router")):
                module.register_forward_hook(
                    lambda module, inputs, output, picked=picked: picked.append(output[2])
                )
        forward.logits(model, prompts(512, range(8), 32))
    assert len(chosen["float32"]) > 10
    for exact, rounded in zip(*chosen.values(), strict=True):
        assert torch.equal(exact.sort().values, rounded.sort().values)


def test_the_tokenizer_keeps_any_text(matrix):
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(matrix("llama-gqa"))
    assert len(loaded) == tokenizer.VOCABULARY
    assert loaded.convert_tokens_to_ids(list(tokenizer.SPECIALS)) == list(range(8))
    for text in ("the same weights", " \n\tleading", "🙂 漢字 שלום e\u0301", "\x00\x7f", ""):
        assert loaded.decode(loaded(text)["input_ids"]) == text
    assert len(loaded(" the same weights")["input_ids"]) < 8
    assert (loaded.bos_token_id, loaded.eos_token_id, loaded.pad_token_id) == (0, 2, 3)
    chat = loaded.apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, tokenize=False
    )
    assert chat == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def test_a_truncated_checkpoint_is_built_again(matrix, tmp_path, monkeypatch, capfd):
    home = matrix("smollm3-nope").parent
    shutil.copytree(home, tmp_path / "models" / "smollm3-nope")
    monkeypatch.setenv("MACCORD_CACHE", str(tmp_path))
    folder = fixtures.models.path("smollm3-nope")
    sound = (folder / "model.safetensors").read_bytes()
    os.truncate(folder / "model.safetensors", 1000)
    capfd.readouterr()
    stages = []
    assert fixtures.models.path("smollm3-nope", lambda *stage: stages.append(stage)) == folder
    assert ("Building smollm3-nope", "writing random weights") in stages
    assert (folder / "model.safetensors").read_bytes() == sound
    assert capfd.readouterr().err == (
        "The cached model smollm3-nope is damaged (model.safetensors has 1000 bytes, not "
        f"{len(sound)}); it is built again.\n"
    )


def test_a_failed_build_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setenv("MACCORD_CACHE", str(tmp_path))
    monkeypatch.setattr("sys.executable", "/bin/false")
    needs = r"The build needs torch and transformers==5\.19\.0 \(exit code 1\)"
    with pytest.raises(FixtureError, match=needs):
        fixtures.models.path("llama-gqa")
