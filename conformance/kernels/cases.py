"""The calls of `paged_attention` that every library is measured with, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from fixtures.kernels import DTYPES
from fixtures.kernels.cases import Case

MIXED = Case("float32", (1, 33, 64, 100), (1, 5, 1, 40))
"""Prefill, a chunk of one, and decode; a block of 16 that is full, and two that are not."""

HEAD_SIZES = (64, 80, 96, 112, 128, 192, 256)
BLOCK_SIZES = (8, 16, 32)

FEATURES: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "decode": {"query_lens": (1, 1, 1, 1)},
    "grouped": {"num_heads": 8, "num_kv_heads": 2},
    "multi-query": {"num_kv_heads": 1},
    "window": {"sliding_window": 20},
    "window-of-a-block": {"sliding_window": 16},
    "window-of-one-token": {"sliding_window": 1},
    "soft-cap": {"logits_soft_cap": 3.0, "magnitude": 4.0},
    "sinks": {"sinks": True},
    "alibi": {"alibi": True, "num_heads": 8, "num_kv_heads": 8},
    "gemma2": {"num_kv_heads": 2, "sliding_window": 20, "logits_soft_cap": 50.0, "scale": 0.0625},
    "gpt-oss": {"num_heads": 8, "num_kv_heads": 1, "sliding_window": 30, "sinks": True},
    "everything": {
        "num_kv_heads": 2,
        "sliding_window": 30,
        "logits_soft_cap": 4.0,
        "sinks": True,
        "alibi": True,
    },
    "sharp": {"magnitude": 10.0, "head_size": 80},  # a scale that is no power of 2
    "flat": {"magnitude": 0.0},
    "near-overflow": {"magnitude": 300.0, "scale": 1.0},
    "negative-scale": {"scale": -0.2},
    "one-token": {"seq_lens": (1,), "query_lens": (1,)},
    "empty-rows": {"seq_lens": (0, 20, 17, 0), "query_lens": (0, 3, 0, 0)},
    "long-and-short": {
        "seq_lens": (1, 8192, 1),
        "query_lens": (1, 1, 1),
        "num_heads": 8,
        "num_kv_heads": 1,
    },
}


def of_features() -> Iterator[tuple[str, Case]]:
    """Every feature in every dtype."""
    for name, changed in FEATURES.items():
        for dtype in DTYPES:
            yield f"{name}-{dtype}", replace(MIXED, dtype=dtype, **changed)


def of_shapes() -> Iterator[tuple[str, Case]]:
    """Every head size with every block size, and sequences that end at the edges of blocks."""
    for head_size in HEAD_SIZES:
        for block_size in BLOCK_SIZES:
            lengths = tuple(block_size * n + off for n in (1, 2) for off in (-1, 0, 1))
            for dtype in DTYPES:
                name = f"head-{head_size}-block-{block_size}-{dtype}"
                yield (
                    name,
                    Case(
                        dtype,
                        lengths,
                        (1, block_size, 3, 2, 1, 1),
                        num_kv_heads=2,
                        head_size=head_size,
                        block_size=block_size,
                    ),
                )
