"""The calls of attention that every library is measured with, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from fixtures.kernels import DTYPES
from fixtures.kernels.cases import Case
from fixtures.kernels.latents import LatentCase

MIXED = Case("float32", (1, 33, 64, 100), (1, 5, 1, 40))
"""Prefill, a chunk of one, and decode; a block of 16 that is full, and two that are not."""

HEAD_SIZES = (64, 80, 96, 112, 128, 192, 256)
BLOCK_SIZES = (8, 16, 32)

EVERYTHING: Mapping[str, Any] = {
    "num_kv_heads": 2,
    "sliding_window": 30,
    "logits_soft_cap": 4.0,
    "sinks": True,
    "alibi": True,
}
FP8: Mapping[str, Any] = {"kv_cache_dtype": "fp8", "k_scale": 0.013, "v_scale": 0.0071}
INT8: Mapping[str, Any] = {"kv_cache_dtype": "int8", "k_scale": 0.031, "v_scale": 0.043}
"""Scales that are no powers of 2, at which numbers of a few units nearly fill 8 bits."""

CACHES: Mapping[str, Mapping[str, Any]] = {
    **{dtype: {"dtype": dtype} for dtype in DTYPES},
    "fp8": {"dtype": "bfloat16", **FP8},
    "int8": {"dtype": "bfloat16", **INT8},
}
"""Kinds of caches, for what holds of each."""

FULL_TABLE: Mapping[str, Any] = {"seq_lens": (9, 64), "query_lens": (1, 1)}
"""The last sequence ends with its last block, and the table with that."""

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
    "everything": EVERYTHING,
    "sharp": {"magnitude": 10.0, "head_size": 80},  # a scale that is no power of 2
    "flat": {"magnitude": 0.0},
    "near-overflow": {"magnitude": 300.0, "scale": 1.0},
    "beyond-half": {"magnitude": 8000.0, "scale": 1.0},  # logits above 65504
    "beyond-half-capped": {"magnitude": 8000.0, "scale": 1.0, "logits_soft_cap": 50.0},
    "negative-scale": {"scale": -0.2},
    "one-token": {"seq_lens": (1,), "query_lens": (1,)},
    "no-tokens": {"seq_lens": (0, 0), "query_lens": (0, 0)},
    "empty-rows": {"seq_lens": (0, 20, 17, 0), "query_lens": (0, 3, 0, 0)},
    "long-and-short": {
        "seq_lens": (1, 8192, 1),
        "query_lens": (1, 1, 1),
        "num_heads": 8,
        "num_kv_heads": 1,
    },
    "full-table": FULL_TABLE,
    "fp8": {"num_kv_heads": 2, **FP8},
    "int8": {"num_kv_heads": 2, **INT8},
    "fp8-everything": {**EVERYTHING, **FP8},
    "int8-everything": {**EVERYTHING, **INT8},
}

PARTITIONS = (256, 512)
"""Tokens of a part, where a long context is cut and merged: vLLM's on CPU and CUDA."""

LATENTS: Mapping[str, Mapping[str, Any]] = {
    "prefill": {},
    "decode": {"query_lens": (1, 1, 1, 1)},
    "one-head": {"num_heads": 1, "query_lens": (1, 1, 1, 1)},
    "many-heads": {"num_heads": 16, "seq_lens": (33,), "query_lens": (1,)},
    "sharp": {"magnitude": 10.0, "query_lens": (1, 1, 1, 1)},
    "flat": {"magnitude": 0.0, "query_lens": (1, 1, 1, 1)},
    "near-overflow": {"magnitude": 300.0, "scale": 1.0, "query_lens": (1, 1, 1, 1)},
    "negative-scale": {"scale": -0.04, "query_lens": (1, 1, 1, 1)},
    "one-token": {"seq_lens": (1,), "query_lens": (1,)},
    "empty-rows": {"seq_lens": (0, 20, 17, 0), "query_lens": (0, 1, 0, 0)},
    "long-and-short": {"seq_lens": (1, 8192, 1), "query_lens": (1, 1, 1), "num_heads": 2},
    "full-table": FULL_TABLE,
}
LATENT_SIZES = ((512, 64), (256, 32), (128, 64), (64, 16))
"""Of latent and rope; the first is that of DeepSeek-V2, V3 and Kimi K2."""


def of_features() -> Iterator[tuple[str, Case]]:
    """Every feature in every dtype."""
    for name, changed in FEATURES.items():
        for dtype in DTYPES:
            yield f"{name}-{dtype}", replace(MIXED, dtype=dtype, **changed)


def of_huge_logits() -> Iterator[tuple[str, Case]]:
    """Logits of 1e38, which float32 just holds; queries of float16 cannot make them."""
    for dtype in ("bfloat16", "float32"):
        yield f"huge-logits-{dtype}", replace(MIXED, dtype=dtype, magnitude=2e36, scale=1.0)


def of_partitions() -> Iterator[tuple[str, Case]]:
    """Decode of sequences that end at the edges of the parts that a context is cut into."""
    for size in PARTITIONS:
        lengths = tuple(size * n + off for n in (1, 2) for off in (-1, 0, 1))
        plain = Case("float32", (*lengths, 1), (1,) * 7, num_heads=8, num_kv_heads=2)
        for dtype in DTYPES:
            settings: Mapping[str, Mapping[str, Any]] = {
                "plain": {},
                # A sink is one, however many parts there are; 3 heads of a K/V head
                # fill no tile of rows, and 80 numbers no SIMD groups.
                "sinks": {"sinks": True, "num_heads": 6, "head_size": 80},
                "window": {"sliding_window": size + 1},  # some parts are not seen at all
                "everything": {**EVERYTHING, "sliding_window": size - 1},
                "full-table": {"seq_lens": (9, 2 * size), "query_lens": (1, 1)},
            }
            for name, changed in settings.items():
                yield f"{size}-{name}-{dtype}", replace(plain, dtype=dtype, **changed)


def of_latents() -> Iterator[tuple[str, LatentCase]]:
    """Every setting of latent attention in every dtype."""
    for name, changed in LATENTS.items():
        for dtype in DTYPES:
            case = LatentCase(dtype, MIXED.seq_lens, MIXED.query_lens)
            yield f"{name}-{dtype}", replace(case, **changed)


def of_latent_shapes() -> Iterator[tuple[str, LatentCase]]:
    """Sizes of latents, blocks, and decode of sequences that end at edges of blocks and parts."""
    for latent_size, rope_size in LATENT_SIZES:
        for block_size in BLOCK_SIZES:
            lengths = [block_size * n + off for n in (1, 2) for off in (-1, 0, 1)]
            if (latent_size, block_size) == (64, 16):
                lengths += [size + off for size in PARTITIONS for off in (-1, 0, 1)]
            for dtype in DTYPES:
                yield (
                    f"latent-{latent_size}-{rope_size}-block-{block_size}-{dtype}",
                    LatentCase(
                        dtype,
                        tuple(lengths),
                        (1,) * len(lengths),
                        num_heads=3,
                        latent_size=latent_size,
                        rope_size=rope_size,
                        block_size=block_size,
                    ),
                )


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
