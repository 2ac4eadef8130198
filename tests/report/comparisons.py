"""Comparisons as a run would find them: transformers, whole or broken, beside production."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np

import fixtures.models
from conformance.compare import parity, production
from conformance.compare.tokens import Tokenizer
from fixtures.models.matrix import forward
from fixtures.models.matrix.architectures import BY_NAME
from fixtures.snapshots import Recorded

SHOWN, SAID = 20, 12

MODELS = {
    "llama-gqa": None,
    "qwen2-bias": None,
    "gemma2-softcap": "score soft cap",
    "mistral-window": "sliding window",
}
"""What is broken in each; None for nothing."""


def comparisons() -> list[dict[str, Any]]:
    """One for each of `MODELS`, as a certificate holds them; fresh ones, that a test may change."""
    found: list[dict[str, Any]] = json.loads(_comparisons())
    return found


@cache
def _comparisons() -> str:
    return json.dumps([_compared(model, broken) for model, broken in MODELS.items()])


def _compared(model: str, broken: str | None) -> dict[str, Any]:
    recorded = production.load(model)
    folder = fixtures.models.path(model)
    feature = next((each for each in BY_NAME[model].features if each.name == broken), None)
    engine = forward.load(folder, "float32", feature)
    prompts = recorded.snapshot.prompts
    logits = forward.logits(
        engine, {name: prompt.token_ids.tolist() for name, prompt in prompts.items()}
    )
    seen = {name: _shown(prompt, logits[name]) for name, prompt in prompts.items()}
    greedy = {
        name: _said(engine, prompt) for name, prompt in prompts.items() if prompt.prompt_length < 40
    }
    found = parity.compare(recorded, seen, greedy).to_json()
    tokenizer = Tokenizer(folder)
    for parted in found["divergences"]:
        for whose in ("production", "target"):
            ids = [int(token) for token in parted[whose]]
            parted[f"{whose}_text"] = tokenizer.decode(ids, specials=True)
    return {
        **found,
        "scope": "server",
        "route": "prompt_logprobs",
        "requests": len(seen),
        "seconds": 4.2,
        "left_out": [],
    }


def _shown(prompt: Recorded, logits: Any) -> Recorded:
    """The rows as an API shows them."""
    rows = logits[prompt.positions].astype(np.float64)
    ids = np.argsort(-rows, axis=1, kind="stable")[:, :SHOWN].astype(np.int32)
    top = rows.max(axis=1)
    return Recorded(
        prompt.token_ids,
        prompt.prompt_length,
        prompt.positions,
        ids,
        np.take_along_axis(rows, ids, axis=1).astype(np.float32),
        (top + np.log(np.exp(rows - top[:, None]).sum(axis=1))).astype(np.float32),
    )


def _said(engine: Any, prompt: Recorded) -> list[int]:
    ids: list[int] = prompt.token_ids[: prompt.prompt_length].tolist()
    for _ in range(min(SAID, len(prompt.token_ids) - prompt.prompt_length)):
        ids.append(int(forward.logits(engine, {"": ids})[""][-1].argmax()))
    return ids[prompt.prompt_length :]
