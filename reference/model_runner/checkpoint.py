"""A checkpoint's configuration, as mlx-lm has to be told it.

transformers 5 writes `rope_parameters` and `layer_types`; mlx-lm 0.32 reads the names that came
before, and takes its defaults where it does not find them, without a word (docs/findings.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Config = dict[str, Any]

WINDOWED = frozenset({"mistral", "mixtral", "phi3", "starcoder2"})
"""Model types that have `sliding_window` in every layer, and no `layer_types` to say so."""

SLIDING, FULL = "sliding_attention", "full_attention"


class CheckpointError(Exception):
    """The folder is no checkpoint that can be run; one sentence."""


def read(folder: Path) -> Config:
    """`config.json`.

    Raises:
        CheckpointError: there is none, or it is no JSON object.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(
            f"{folder} is no checkpoint: config.json: {error.strerror}."
        ) from error
    except ValueError as error:
        raise CheckpointError(f"{folder}: config.json is no JSON: {error}.") from error
    if not isinstance(config, dict) or "model_type" not in config:
        raise CheckpointError(f"{folder}: config.json names no model_type.")
    return config


def windows(config: Mapping[str, Any]) -> list[int | None]:
    """How many tokens each layer sees, the token itself included; None for all."""
    window, layers = config.get("sliding_window"), int(config["num_hidden_layers"])
    types: Sequence[str] | None = config.get("layer_types")
    if types is None:
        every = config["model_type"] in WINDOWED
        return [window if every else None] * layers
    return [window if kind == SLIDING else None for kind in types]


def for_mlx_lm(config: Mapping[str, Any]) -> Config:
    """What mlx-lm is to be told in place of what stands in the file, by its names."""
    told: Config = {}
    rope = config.get("rope_parameters")
    if rope:
        told |= _rope(rope)
    if types := config.get("layer_types"):
        if FULL in types:
            told["sliding_window_pattern"] = types.index(FULL) + 1
        if config["model_type"] in ("llama", "mistral", "qwen2", "qwen3", "smollm3"):
            told["layer_types"] = None  # windows are attention's, which is not mlx-lm's here
    if "num_local_experts" in config:
        told["num_experts"] = config["num_local_experts"]
    if config["model_type"] in WINDOWED:
        told["sliding_window"] = None
    return told


def _rope(rope: Mapping[str, Any]) -> Config:
    """Bases and scaling of rotary embeddings; Gemma 3 has one of each for each type of layer."""
    if FULL in rope:
        told = _rope(rope[FULL])
        return told | {"rope_local_base_freq": rope[SLIDING]["rope_theta"]}
    told = {"rope_theta": rope["rope_theta"]}
    if rope.get("rope_type", "default") != "default":
        scaling = {name: value for name, value in rope.items() if name != "rope_theta"}
        told["rope_scaling"] = scaling | {"type": rope["rope_type"]}
    if "partial_rotary_factor" in rope:
        told["partial_rotary_factor"] = rope["partial_rotary_factor"]
    return told
