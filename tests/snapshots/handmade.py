"""Recordings and snapshots made by hand, small enough to know every number of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fixtures.snapshots import Recorded, Snapshot, tokenizer_sha256, weights_sha256


def recorded(
    logits: Any,
    tokens: list[int],
    *,
    prompt: int | None = None,
    first: int = 0,
    k: int | None = None,
) -> Recorded:
    """Logits `[T, vocabulary]` of a sequence as a recording of the top k, from `first` on."""
    whole: NDArray[np.float32] = np.asarray(logits, dtype=np.float32)
    order = np.argsort(-whole, axis=1, kind="stable")[:, :k]
    wide = whole.astype(np.float64)
    total = np.log(np.exp(wide - wide.max(1, keepdims=True)).sum(1)) + wide.max(1)
    return Recorded(
        token_ids=np.array(tokens, dtype=np.int32),
        prompt_length=len(tokens) if prompt is None else prompt,
        positions=np.arange(first, len(whole), dtype=np.int32),
        top_ids=order[first:].astype(np.int32),
        top_logits=np.take_along_axis(whole, order, axis=1)[first:],
        logsumexp=total[first:].astype(np.float32),
    )


def checkpoint(folder: Path, weights: bytes = b"weights", tokenizer: bytes = b"{}") -> Path:
    """A folder that has what is hashed of a checkpoint."""
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "tokenizer.json").write_bytes(tokenizer)
    return folder


def snapshot(model: Path, vocabulary: int = 8, **provenance: Any) -> Snapshot:
    """A snapshot of a checkpoint with two prompts."""
    generator = np.random.default_rng(1)
    prompts = {
        "short": recorded(generator.normal(size=(3, vocabulary)), [1, 2, 3], k=min(vocabulary, 4)),
        "long": recorded(
            generator.normal(size=(5, vocabulary)),
            [1, 2, 3, 4, 5, 6],
            prompt=3,
            k=min(vocabulary, 4),
        ),
    }
    about = {
        "model": model.name,
        "weights_sha256": weights_sha256(model),
        "tokenizer_sha256": tokenizer_sha256(model),
        "vocabulary": vocabulary,
        "device": "cpu",
    }
    return Snapshot(prompts, about | provenance)
