"""What may be asked of a kernel: shapes, dtypes, and ids that stay within their pool.

A kernel reads and writes where it is told, so a wrong number is a wrong place in memory. Each check
raises `ArgumentError` with one sentence: what was expected, and what came.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from reference.oracle.attention import Array

DTYPES = ("float16", "bfloat16", "float32")

STORED = {"fp8": "uint8", "int8": "int8"}
"""`kv_cache_dtype` to the dtype of such caches; "auto" is a cache in the dtype of its tokens."""

SMALLEST_SCALE = 2.0**-126
"""The smallest normal number of float32; its inverse is one too."""


class ArgumentError(ValueError):
    """An argument is none that the operation is defined for; one sentence."""


def check_reshape_and_cache(
    key: Array,
    value: Array,
    key_cache: Array,
    value_cache: Array,
    slot_mapping: Array,
    *,
    kv_cache_dtype: str = "auto",
    k_scale: float = 1.0,
    v_scale: float = 1.0,
) -> None:
    """Arguments of `reshape_and_cache`.

    Raises:
        ArgumentError: one is wrong, or two tokens share a slot.
    """
    _quantised(kv_cache_dtype, k_scale, v_scale)
    num_blocks, block_size, num_kv_heads, head_size = _caches(
        key_cache, value_cache, _stored_as(kv_cache_dtype)
    )
    _shape("slot_mapping", slot_mapping, (None,))
    num_tokens = len(slot_mapping)
    for name, array in (("key", key), ("value", value)):
        _shape(name, array, (num_tokens, num_kv_heads, head_size))
        _computed(name, array, key_cache, kv_cache_dtype)
    _same_dtype("value", value, "key", key)
    _dtype("slot_mapping", slot_mapping, ("int64",))
    _within("slot_mapping", slot_mapping, -1, num_blocks * block_size - 1, "slots, -1 is padding")
    _once("slot_mapping", slot_mapping[slot_mapping >= 0], "slot")


def check_copy_blocks(key_cache: Array, value_cache: Array, block_mapping: Array) -> None:
    """Arguments of `copy_blocks`.

    Raises:
        ArgumentError: one is wrong, a block is written twice, or one is both read and written, so
            that the order of the copies would matter.
    """
    num_blocks, *_ = _caches(key_cache, value_cache, (*DTYPES, *STORED.values()))
    _shape("block_mapping", block_mapping, (None, 2))
    _dtype("block_mapping", block_mapping, ("int64",))
    _within("block_mapping", block_mapping, 0, num_blocks - 1, "blocks")
    _once("block_mapping", block_mapping[:, 1], "destination")
    both = np.intersect1d(block_mapping[:, 0], block_mapping[:, 1])
    if both.size:
        raise ArgumentError(f"block_mapping reads and writes block {both[0]} in one call.")


def check_paged_attention(
    query: Array,
    key_cache: Array,
    value_cache: Array,
    *,
    block_table: Array,
    seq_lens: Array,
    query_start_loc: Array,
    scale: float,
    sliding_window: int | None = None,
    logits_soft_cap: float | None = None,
    sinks: Array | None = None,
    alibi_slopes: Array | None = None,
    kv_cache_dtype: str = "auto",
    k_scale: float = 1.0,
    v_scale: float = 1.0,
) -> None:
    """Arguments of `paged_attention`.

    Raises:
        ArgumentError: one is wrong.
    """
    _quantised(kv_cache_dtype, k_scale, v_scale)
    num_blocks, block_size, num_kv_heads, head_size = _caches(
        key_cache, value_cache, _stored_as(kv_cache_dtype)
    )
    _shape("query", query, (None, None, head_size))
    _computed("query", query, key_cache, kv_cache_dtype)
    num_tokens, num_heads = query.shape[:2]
    if num_heads == 0 or num_heads % num_kv_heads:
        raise ArgumentError(
            f"query has {num_heads} heads, which is no multiple of {num_kv_heads} K/V heads."
        )
    _sequences(num_tokens, num_blocks, block_size, block_table, seq_lens, query_start_loc)
    _finite("scale", scale)
    if sliding_window is not None and sliding_window < 1:
        raise ArgumentError(
            f"sliding_window is at least 1, the token itself; not {sliding_window}."
        )
    if logits_soft_cap is not None:
        _finite("logits_soft_cap", logits_soft_cap)
        if logits_soft_cap <= 0:
            raise ArgumentError(f"logits_soft_cap is above 0, or None; not {logits_soft_cap}.")
    for name, array in (("sinks", sinks), ("alibi_slopes", alibi_slopes)):
        if array is not None:
            _shape(name, array, (num_heads,))
            _dtype(name, array, ("float32",))
            if not np.isfinite(array).all():
                raise ArgumentError(f"{name} holds a number that is not finite.")


def check_mla_attention(
    query: Array,
    latent_cache: Array,
    *,
    latent_size: int,
    block_table: Array,
    seq_lens: Array,
    query_start_loc: Array,
    scale: float,
) -> None:
    """Arguments of `mla_attention`.

    Raises:
        ArgumentError: one is wrong.
    """
    _shape("latent_cache", latent_cache, (None, None, None))
    _dtype("latent_cache", latent_cache, DTYPES)
    num_blocks, block_size, row = latent_cache.shape
    _shape("query", query, (None, None, row))
    _same_dtype("query", query, "latent_cache", latent_cache)
    if not 1 <= latent_size <= row:
        raise ArgumentError(f"latent_size is 1 to {row}, a row of latent_cache; not {latent_size}.")
    _sequences(len(query), num_blocks, block_size, block_table, seq_lens, query_start_loc)
    _finite("scale", scale)


def _quantised(kv_cache_dtype: str, k_scale: float, v_scale: float) -> None:
    if kv_cache_dtype not in ("auto", *STORED):
        raise ArgumentError(
            f"kv_cache_dtype is {kv_cache_dtype!r}; expected auto, {' or '.join(STORED)}."
        )
    for name, scale in (("k_scale", k_scale), ("v_scale", v_scale)):
        if not SMALLEST_SCALE <= scale <= 1 / SMALLEST_SCALE:
            raise ArgumentError(
                f"{name} is {scale}; expected a normal number of float32, above 0, whose inverse "
                "is one too."
            )
        if kv_cache_dtype == "auto" and scale != 1.0:
            raise ArgumentError(
                f"{name} is {scale}, and kv_cache_dtype is auto: what is stored as it is has no "
                "scale."
            )


def _stored_as(kv_cache_dtype: str) -> Sequence[str]:
    return DTYPES if kv_cache_dtype == "auto" else (STORED[kv_cache_dtype],)


def _computed(name: str, array: Array, key_cache: Array, kv_cache_dtype: str) -> None:
    """The dtype of a cache that is not quantised is that of what is computed with."""
    if kv_cache_dtype == "auto":
        _same_dtype(name, array, "key_cache", key_cache)
    else:
        _dtype(name, array, DTYPES)


def _caches(
    key_cache: Array, value_cache: Array, dtypes: Sequence[str]
) -> tuple[int, int, int, int]:
    _shape("key_cache", key_cache, (None, None, None, None))
    _dtype("key_cache", key_cache, dtypes)
    if 0 in key_cache.shape:
        raise ArgumentError(f"key_cache is empty: its shape is {list(key_cache.shape)}.")
    _shape("value_cache", value_cache, key_cache.shape)
    _same_dtype("value_cache", value_cache, "key_cache", key_cache)
    num_blocks, block_size, num_kv_heads, head_size = key_cache.shape
    return num_blocks, block_size, num_kv_heads, head_size


def _sequences(
    num_tokens: int,
    num_blocks: int,
    block_size: int,
    block_table: Array,
    seq_lens: Array,
    query_start_loc: Array,
) -> None:
    """Sequences that fit their tables, tables that stay in the pool, rows that add up."""
    _shape("seq_lens", seq_lens, (None,))
    num_seqs = len(seq_lens)
    _shape("block_table", block_table, (num_seqs, None))
    _shape("query_start_loc", query_start_loc, (num_seqs + 1,))
    for name, array in (
        ("block_table", block_table),
        ("seq_lens", seq_lens),
        ("query_start_loc", query_start_loc),
    ):
        _dtype(name, array, ("int32",))
    room = block_table.shape[1] * block_size
    _within("seq_lens", seq_lens, 0, room, f"tokens, {block_table.shape[1]} blocks of {block_size}")
    used = np.arange(block_table.shape[1]) * block_size < seq_lens[:, None]
    _within("block_table", block_table, 0, num_blocks - 1, "blocks of the pool", used)
    if query_start_loc[0] != 0 or query_start_loc[-1] != num_tokens:
        raise ArgumentError(
            f"query_start_loc goes from 0 to the {num_tokens} rows of query, not from "
            f"{query_start_loc[0]} to {query_start_loc[-1]}."
        )
    query_lens = np.diff(query_start_loc.astype(np.int64))
    wrong = np.flatnonzero((query_lens < 0) | (query_lens > seq_lens))
    if wrong.size:
        at = int(wrong[0])
        raise ArgumentError(
            f"Sequence {at} has {query_lens[at]} rows of query, and {seq_lens[at]} tokens in all."
        )


def _shape(name: str, array: Array, expected: Sequence[int | None]) -> None:
    fits = array.ndim == len(expected) and all(
        wanted in (None, found) for wanted, found in zip(expected, array.shape, strict=True)
    )
    if not fits:
        words = ", ".join("any" if wanted is None else str(wanted) for wanted in expected)
        raise ArgumentError(f"{name} has the shape {list(array.shape)}; expected [{words}].")


def _dtype(name: str, array: Array, allowed: Sequence[str]) -> None:
    if array.dtype.name not in allowed:
        raise ArgumentError(f"{name} is {array.dtype.name}; expected {' or '.join(allowed)}.")


def _same_dtype(name: str, array: Array, other_name: str, other: Array) -> None:
    if array.dtype != other.dtype:
        raise ArgumentError(
            f"{name} is {array.dtype.name}, and {other_name} is {other.dtype.name}; "
            "they are to be the same."
        )


def _within(
    name: str, array: Array, low: int, high: int, of: str, where: Array | None = None
) -> None:
    wrong = (array < low) | (array > high)
    if where is not None:
        wrong &= where
    if wrong.any():
        at = tuple(int(index) for index in np.argwhere(wrong)[0])
        place = ", ".join(map(str, at))
        raise ArgumentError(f"{name}[{place}] is {array[at]}; it may be {low} to {high} ({of}).")


def _once(name: str, ids: Array, what: str) -> None:
    found, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise ArgumentError(f"{name} has {what} {found[counts > 1][0]} twice.")


def _finite(name: str, number: float) -> None:
    if not math.isfinite(number):
        raise ArgumentError(f"{name} is {number}; expected a finite number.")
