"""A model exported as GGUF, read back, is the checkpoint: weights, settings, tokenizer, template.

What the exporter does to weights is undone here element by element and by names written out, so
that neither its functions nor the `gguf` library's table of names vouch for themselves.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil

import gguf
import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from typer.testing import CliRunner

import fixtures.models
from conformance.cli import app
from fixtures.models.cache import FixtureError
from fixtures.models.gguf import write
from fixtures.models.matrix.architectures import BY_NAME
from fixtures.models.scripted import CHECKPOINT, describe

REFUSED = "smollm3-nope"
NAMES = ["scripted", *(name for name in BY_NAME if name != REFUSED)]
DESCRIPTION = describe.load()

ONCE = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
IN_A_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_qkv": "self_attn.qkv_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_sinks": "self_attn.sinks",
    "attn_q_a": "self_attn.q_a_proj",
    "attn_q_a_norm": "self_attn.q_a_layernorm",
    "attn_q_b": "self_attn.q_b_proj",
    "attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa",
    "attn_kv_a_norm": "self_attn.kv_a_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "post_attention_norm": "post_attention_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "ffn_gate_inp": "mlp.gate",
    "ffn_gate_shexp": "mlp.shared_experts.gate_proj",
    "ffn_up_shexp": "mlp.shared_experts.up_proj",
    "ffn_down_shexp": "mlp.shared_experts.down_proj",
    "exp_probs_b": "mlp.gate.e_score_correction",
}
OTHERWISE = {
    "gemma2": {"ffn_norm": "pre_feedforward_layernorm"},
    "gemma3_text": {"ffn_norm": "pre_feedforward_layernorm"},
    "phi3": {"ffn_up": "mlp.gate_up_proj"},
    "gpt_oss": {"ffn_gate_inp": "mlp.router"},
}
PAIRED = {"llama", "mistral", "granite"}
"""Families whose q and k are stored with the rows that rope turns together side by side."""

SPLITS = {
    "gpt-2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "qwen2": r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}
"""llama.cpp's expressions by name, as `llama-vocab.cpp` has them."""


@pytest.fixture
def checkpoint(matrix):
    """Gives the folder of a model by name."""
    return lambda name: CHECKPOINT if name == "scripted" else matrix(name)


@pytest.fixture
def export(checkpoint, tmp_path):
    """Exports a model by name and gives a reader of the file."""

    def exported(name, **options):
        file = tmp_path / f"{name}.gguf"
        write(checkpoint(name), file, lambda stage, detail: None, **options)
        return gguf.GGUFReader(file)

    return exported


def values(reader):
    return {name: field.contents() for name, field in reader.fields.items()}


def read(tensor):
    """The numbers of a tensor in float32, in the order of dimensions that transformers has."""
    if tensor.tensor_type == gguf.GGMLQuantizationType.BF16:
        bits = tensor.data.view(np.uint16).astype(np.uint32) << 16
        return bits.view(np.float32)
    assert tensor.tensor_type == gguf.GGMLQuantizationType.F32
    return tensor.data


def unpaired(rows, head_size):
    """Row 2i of a head back to i, and row 2i + 1 to i + head_size / 2."""
    found = np.empty_like(rows)
    for row in range(len(rows)):
        head, within = divmod(row, head_size)
        place = within // 2 + (within % 2) * (head_size // 2)
        found[head * head_size + place] = rows[row]
    return found


def undone(reader, config):
    """The file's tensors under the names, and in the shapes, that the checkpoint has."""
    family = config["model_type"]
    table = IN_A_LAYER | OTHERWISE.get(family, {})
    head_size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    found = {}
    tensors = {tensor.name: read(tensor) for tensor in reader.tensors}
    for name, array in tensors.items():
        if name == "rope_freqs.weight":
            continue
        if name in ONCE:
            found[ONCE[name]] = array
            continue
        layer, stem, kind = re.fullmatch(r"blk\.(\d+)\.(\w+)\.(weight|bias)", name).groups()
        prefix = f"model.layers.{layer}"
        if stem == "attn_k_b":
            values = tensors[name.replace("k_b", "v_b")]  # [heads, value, latent]
            both = [np.concatenate([k.T, v]) for k, v in zip(array, values, strict=True)]
            found[f"{prefix}.self_attn.kv_b_proj.weight"] = np.concatenate(both)
        elif stem == "attn_v_b":
            continue
        elif expert := re.fullmatch(r"ffn_(gate|up|down)_exps", stem):
            unpack(found, f"{prefix}.mlp.experts", expert[1], kind, array, tensors, name, family)
        else:
            if family in PAIRED and stem in ("attn_q", "attn_k"):
                array = unpaired(array, head_size)
            found[f"{prefix}.{table[stem]}.{kind}"] = array
    rename = {"self_attn.sinks.weight": "self_attn.sinks", "correction.bias": "correction_bias"}
    for old, new in rename.items():
        found = {name.replace(old, new): array for name, array in found.items()}
    if family.startswith("gemma"):
        found = {n: a - 1 if n.endswith("norm.weight") else a for n, a in found.items()}
    return found


def unpack(found, experts, projection, kind, array, tensors, name, family):
    if family != "gpt_oss":
        for number, weight in enumerate(array):
            found[f"{experts}.{number}.{projection}_proj.{kind}"] = weight
        return
    suffix = "" if kind == "weight" else "_bias"
    if projection == "down":
        found[f"{experts}.down_proj{suffix}"] = turned(array)
    elif projection == "gate":
        up = tensors[name.replace("gate", "up")]
        both = np.stack([array, up], axis=2)  # [experts, out, 2, ...]
        found[f"{experts}.gate_up_proj{suffix}"] = turned(
            both.reshape(len(array), -1, *array.shape[2:])
        )


def turned(array):
    return array.transpose(0, 2, 1) if array.ndim == 3 else array


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_every_tensor_is_the_checkpoints(name, dtype, export, checkpoint):
    folder = checkpoint(name)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    expected = {
        key: tensor.float().numpy()
        for key, tensor in load_file(folder / "model.safetensors").items()
    }
    found = undone(export(name, dtype=dtype), config)
    assert found.keys() == expected.keys()
    gemma = config["model_type"].startswith("gemma")
    for key, tensor in expected.items():
        assert found[key].shape == tensor.shape, key
        if gemma and key.endswith("norm.weight"):  # float32: 1 + weight, rounded, minus 1
            np.testing.assert_array_equal(found[key], np.float32(1) + tensor - 1, err_msg=key)
        else:
            np.testing.assert_array_equal(found[key], tensor, err_msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_matrices_stay_in_bfloat16_and_vectors_become_float32(name, export):
    for tensor in export(name).tensors:
        small = len(tensor.shape) == 1 or tensor.name.endswith((".bias", "ffn_gate_inp.weight"))
        assert tensor.tensor_type.name == ("F32" if small else "BF16"), tensor.name


COMMON = {
    "context_length": 1024,
    "vocab_size": 512,
    "embedding_length": 256,
    "block_count": 2,
    "feed_forward_length": 512,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
    "attention.key_length": 64,
    "attention.value_length": 64,
    "rope.dimension_count": 64,
}
SETTINGS = {
    "scripted": {
        "general.architecture": "llama",
        "context_length": 2048,
        "vocab_size": 2048,
        "block_count": 3,
        "feed_forward_length": 640,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.freq_base": 1e4,
    },
    "llama-gqa": {
        "general.architecture": "llama",
        "embedding_length": 512,
        "attention.head_count": 8,
        "rope.freq_base": 1e4,
    },
    "llama3-rope": {"general.architecture": "llama", "rope.freq_base": 5e5},
    "mistral-window": {"general.architecture": "llama", "attention.sliding_window": 40},
    "qwen2-bias": {"general.architecture": "qwen2", "rope.freq_base": 1e6},
    "qwen3-qk-norm": {
        "general.architecture": "qwen3",
        "attention.key_length": 128,
        "attention.value_length": 128,
        "rope.dimension_count": 128,
        "rope.freq_base": 1e6,
    },
    "gemma2-softcap": {
        "general.architecture": "gemma2",
        "attention.key_length": 128,
        "attention.value_length": 128,
        "rope.dimension_count": 128,
        "attention.sliding_window": 32,
        "attention.sliding_window_pattern": [True, False],
        "attention.scale": 0.25,
        "attn_logit_softcapping": 5.0,
        "final_logit_softcapping": 6.0,
    },
    "gemma3-local-global": {
        "general.architecture": "gemma3",
        "block_count": 6,
        "attention.sliding_window": 32,
        "attention.sliding_window_pattern": [True] * 5 + [False],
        "attention.scale": 0.125,
        "rope.freq_base": 1e6,
        "rope.freq_base_swa": 1e4,
    },
    "phi3-fused": {"general.architecture": "phi3", "attention.head_count_kv": 4},
    "granite-multipliers": {
        "general.architecture": "granite",
        "embedding_scale": 12.0,
        "attention.scale": 0.015625,
        "residual_scale": 0.22,
        "logit_scale": 8.0,
    },
    "cohere2-parallel": {
        "general.architecture": "cohere2",
        "block_count": 4,
        "logit_scale": 0.0625,
        "attention.layer_norm_epsilon": 1e-5,
        "attention.sliding_window": 32,
        "attention.sliding_window_pattern": [True, True, True, False],
        "rope.freq_base": 5e4,
    },
    "olmo2-post-norm": {"general.architecture": "olmo2", "rope.freq_base": 5e5},
    "qwen3-moe": {
        "general.architecture": "qwen3moe",
        "expert_count": 8,
        "expert_used_count": 2,
        "expert_feed_forward_length": 128,
        "rope.freq_base": 1e6,
    },
    "gpt-oss-sinks": {
        "general.architecture": "gpt-oss",
        "feed_forward_length": 128,
        "expert_feed_forward_length": 128,
        "expert_count": 4,
        "expert_used_count": 2,
        "attention.sliding_window": 32,
        "attention.sliding_window_pattern": [True, False],
        "rope.freq_base": 1.5e5,
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": 16.0,
        "rope.scaling.original_context_length": 64,
        "rope.scaling.yarn_beta_fast": 32.0,
        "rope.scaling.yarn_beta_slow": 1.0,
    },
    "deepseek-mla": {
        "general.architecture": "deepseek2",
        "attention.head_count_kv": 1,
        "attention.q_lora_rank": 128,
        "attention.kv_lora_rank": 512,
        "attention.key_length": 576,
        "attention.value_length": 512,
        "attention.key_length_mla": 192,
        "attention.value_length_mla": 128,
        "leading_dense_block_count": 1,
        "expert_count": 8,
        "expert_used_count": 2,
        "expert_shared_count": 1,
        "expert_group_count": 2,
        "expert_group_used_count": 1,
        "expert_feed_forward_length": 128,
        "expert_gating_func": gguf.ExpertGatingFuncType.SIGMOID,
        "expert_weights_norm": True,
        "expert_weights_scale": 2.5,
    },
}


def test_the_settings_of_every_model_are_written_down_here():
    assert SETTINGS.keys() == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_are_the_configurations(name, export):
    found = values(export(name))
    architecture = found["general.architecture"]
    for key, expected in (COMMON | SETTINGS[name]).items():
        key = key if key.startswith("general.") else f"{architecture}.{key}"
        close = pytest.approx(expected, rel=1e-6) if isinstance(expected, float) else expected
        assert found[key] == close, key


def test_no_scaling_is_written_where_there_is_none(export):
    assert not [key for key in values(export("llama-gqa")) if "scaling" in key]


def test_llama_3s_rope_scaling_is_a_tensor_of_factors(export, checkpoint):
    """Against the frequencies that transformers computes."""
    from transformers import AutoConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    (factors,) = (t for t in export("llama3-rope").tensors if t.name == "rope_freqs.weight")
    config = AutoConfig.from_pretrained(checkpoint("llama3-rope"))
    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    plain = 5e5 ** (-np.arange(0, 64, 2) / 64)
    np.testing.assert_allclose(plain / read(factors), scaled.numpy(), rtol=1e-6)
    assert read(factors).min() == 1 and read(factors).max() == 8


@pytest.mark.parametrize("name", ["scripted", "llama-gqa"])
def test_the_tokenizer_is_the_checkpoints(name, export, checkpoint):
    folder = checkpoint(name)
    published = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    found = values(export(name))
    vocabulary = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    tokens = found["tokenizer.ggml.tokens"]
    assert {token: number for number, token in enumerate(tokens)} == vocabulary
    merges = [tuple(merge.split(" ")) for merge in found["tokenizer.ggml.merges"]]
    assert merges == [tuple(merge) for merge in published["model"]["merges"]]
    types = dict.fromkeys(range(len(tokens)), gguf.TokenType.NORMAL)
    for added in published["added_tokens"]:
        special = added["special"]
        types[added["id"]] = gguf.TokenType.CONTROL if special else gguf.TokenType.USER_DEFINED
    assert dict(enumerate(found["tokenizer.ggml.token_type"])) == types
    for kind in ("bos", "eos", "pad"):
        number = found.get(f"tokenizer.ggml.{kind}_token_id")
        if kind == "pad":
            number = found["tokenizer.ggml.padding_token_id"]
        assert settings.get(f"{kind}_token") == (None if number is None else tokens[number])
    assert found["tokenizer.ggml.model"] == "gpt2"
    assert found["tokenizer.ggml.add_bos_token"] is False
    template = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    assert found["tokenizer.chat_template"] == template


@pytest.mark.parametrize("name", ["scripted", "llama-gqa"])
def test_a_tokenizer_made_of_the_file_alone_encodes_every_script_alike(name, export, checkpoint):
    """With the expression that llama.cpp has under the name in the file."""
    found = values(export(name))
    tokens = found["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in found["tokenizer.ggml.merges"]]
    rebuilt = Tokenizer(models.BPE({token: n for n, token in enumerate(tokens)}, merges))
    split = Regex(SPLITS[found["tokenizer.ggml.pre"]])
    rebuilt.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(split, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    rebuilt.decoder = decoders.ByteLevel()
    kinds = found["tokenizer.ggml.token_type"]
    rebuilt.add_special_tokens(
        [token for token, kind in zip(tokens, kinds, strict=True) if kind != 1]
    )
    original = Tokenizer.from_file(str(checkpoint(name) / "tokenizer.json"))
    texts = [
        text
        for entry in DESCRIPTION["scripts"] + DESCRIPTION["calibrated"]
        for text in (entry["rendered"], entry.get("text", ""))
    ]
    assert len(texts) > 100
    for text in texts:
        assert rebuilt.encode(text).ids == original.encode(text, add_special_tokens=False).ids


def sha256(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_same_export_twice_gives_the_same_bytes(checkpoint, tmp_path):
    for name in ("scripted", "gpt-oss-sinks", "deepseek-mla"):
        sums = set()
        for number in range(2):
            file = tmp_path / str(number) / f"{name}.gguf"
            write(checkpoint(name), file, lambda stage, detail: None)
            sums.add(sha256(file))
        assert len(sums) == 1, name


def test_what_is_interrupted_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    file = tmp_path / "scripted.gguf"
    file.write_bytes(b"old")

    def interrupted(writer):
        assert len(list(tmp_path.iterdir())) == 2
        raise KeyboardInterrupt

    monkeypatch.setattr(gguf.GGUFWriter, "write_tensors_to_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(CHECKPOINT, file, lambda stage, detail: None)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def changed(tmp_path, file, **fields):
    """A copy of the scripted checkpoint with other fields in one of its files."""
    folder = tmp_path / "changed"
    shutil.copytree(CHECKPOINT, folder)
    old = json.loads((folder / file).read_text(encoding="utf-8"))
    (folder / file).write_text(json.dumps(old | fields), encoding="utf-8")
    return folder


def refusal(folder, tmp_path):
    with pytest.raises(FixtureError) as raised:
        write(folder, tmp_path / "out" / "x.gguf", lambda stage, detail: None)
    assert not (tmp_path / "out" / "x.gguf").exists()
    return str(raised.value)


def test_an_unknown_architecture_is_refused(tmp_path):
    said = refusal(changed(tmp_path, "config.json", model_type="mamba"), tmp_path)
    assert "does not know how to write the architecture mamba" in said


def test_layers_without_rope_are_refused(checkpoint, tmp_path):
    assert "cannot say which layers have no rope" in refusal(checkpoint(REFUSED), tmp_path)


def test_another_way_of_splitting_text_is_refused(tmp_path):
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
    folder = changed(tmp_path, "tokenizer.json", pre_tokenizer=byte_level)
    assert "none of llama.cpp's ways of splitting text" in refusal(folder, tmp_path)


def test_a_scaling_of_rope_that_is_not_known_is_refused(tmp_path):
    rope = {"rope_type": "longrope", "rope_theta": 1e4}
    folder = changed(tmp_path, "config.json", rope_parameters=rope)
    assert "rope scaling longrope" in refusal(folder, tmp_path)


def test_weights_that_are_not_bfloat16_are_refused(tmp_path):
    folder = changed(tmp_path, "config.json")
    tensors = load_file(folder / "model.safetensors")
    save_file({n: t.half() for n, t in tensors.items()}, folder / "model.safetensors")
    assert "is in F16, not in bfloat16" in refusal(folder, tmp_path)


def test_a_tensor_without_a_name_is_refused(tmp_path):
    folder = changed(tmp_path, "config.json")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.0.extra.weight"] = tensors["model.norm.weight"].clone()
    save_file(tensors, folder / "model.safetensors")
    assert "has no name for model.layers.0.extra.weight" in refusal(folder, tmp_path)


def run(*arguments):
    return CliRunner().invoke(app, ["model", "export-gguf", *map(str, arguments)])


def test_the_command_prints_the_file_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MACCORD_CACHE", str(tmp_path))
    result = run("scripted")
    assert result.exit_code == 0
    file = tmp_path / "gguf" / "scripted.gguf"
    assert result.stdout.strip() == str(file)
    assert sha256(file) == sha256(fixtures.models.export_gguf("scripted", tmp_path / "other.gguf"))


def test_the_command_writes_where_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("MACCORD_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "new" / "mine.gguf"
    result = run("scripted", "--out", file)
    assert (result.exit_code, result.stdout.strip()) == (0, str(file))
    assert file.read_bytes()[:4] == b"GGUF"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonesuch"], "No fixture model is called 'nonesuch'"),
        (["scripted", "--out", "."], "cannot be written"),
    ],
)
def test_the_command_says_in_a_sentence_what_it_cannot_do(arguments, said, tmp_path, monkeypatch):
    monkeypatch.setenv("MACCORD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output
