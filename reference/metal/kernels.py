"""The launch of each kernel: what it is given, and how many threadgroups it is given to.

Arguments are those of `reference.oracle`, and have been checked.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.metal.launch import Launcher
from reference.oracle.attention import Array

# As in online_softmax.h.
KEYS = 8
ROWS = 4
LANES = 32
THREADS = ROWS * LANES

PARTITION = 512
"""Tokens of a partition of a long context: vLLM's number."""

NO_WINDOW = 2**31 - 1

COPY_THREADS = 128

Given = Any
"""An array of NumPy's; or of MLX's, where the launcher is a `MlxLauncher`."""


def reshape_and_cache(
    launcher: Launcher,
    key: Array,
    value: Array,
    key_cache: Array,
    value_cache: Array,
    slot_mapping: Array,
    k_scale: float = 1.0,
    v_scale: float = 1.0,
) -> None:
    """Writes tokens to slots of caches that are contiguous, in their own dtype or in 8 bits."""
    num_tokens = len(slot_mapping)
    if num_tokens == 0:
        return
    as_bits = key.dtype == key_cache.dtype
    caches, tokens = {"key_cache": key_cache, "value_cache": value_cache}, [key, value]
    if as_bits:
        caches = {name: bits(cache) for name, cache in caches.items()}
        tokens = [bits(np.ascontiguousarray(array)) for array in tokens]
    launcher.run_in_place(
        "reshape_and_cache",
        caches,
        {
            "key": tokens[0],
            "value": tokens[1],
            "slot_mapping": slot_mapping,
            "width": np.int32(math.prod(key_cache.shape[2:])),
            "k_scale": np.float32(k_scale),
            "v_scale": np.float32(v_scale),
        },
        (num_tokens, 1, 1),
        COPY_THREADS,
    )


def copy_blocks(
    launcher: Launcher, key_cache: Array, value_cache: Array, block_mapping: Array
) -> None:
    """Copies blocks of caches that are contiguous, as words of 4 bytes where they are such."""
    if len(block_mapping) == 0:
        return
    size = key_cache[0].nbytes
    word = np.uint32 if size % 4 == 0 else np.uint8
    caches = [cache.reshape(-1).view(word) for cache in (key_cache, value_cache)]
    launcher.run_in_place(
        "copy_blocks",
        {"key_cache": caches[0], "value_cache": caches[1]},
        {"block_mapping": block_mapping, "words": np.int32(size // np.dtype(word).itemsize)},
        (len(block_mapping), 1, 1),
        COPY_THREADS,
    )


def paged_attention_memory(head_size: int) -> int:
    """Bytes of threadgroup memory: Q_i, K_j and V_j in float32."""
    return 4 * (ROWS * head_size + 2 * KEYS * (head_size + 4))


def mla_attention_memory(row_size: int) -> int:
    """Bytes of threadgroup memory: Q_i and C_j in float32."""
    return 4 * (ROWS * row_size + KEYS * (row_size + 4))


def bits(array: Array) -> Array:
    """The same memory as unsigned integers."""
    kinds: dict[int, Any] = {1: np.uint8, 2: np.uint16, 4: np.uint32}
    return array.view(kinds[array.itemsize])


def paged_attention(launcher: Launcher, query: Given, tiles: Given, **named: Any) -> Any:
    """[num_tokens, num_heads, head_size], of which the rows of `tiles` are written."""
    head_size = query.shape[-1]
    num_kv_heads = named["key_cache"].shape[2]
    (output,) = launcher.run(
        "paged_attention",
        {"query": query, "tiles": tiles, **named},
        {"output": (query.shape, query.dtype)},
        {"T": query.dtype, "HEAD_SIZE": head_size},
        (num_kv_heads, len(tiles), 1),
        THREADS,
    )
    return output


def paged_attention_split_kv(launcher: Launcher, query: Given, longest: int, **named: Any) -> Any:
    """[num_seqs, num_heads, head_size], of one query token for each sequence.

    Without sinks, a context of one partition comes to the same bits as in `paged_attention`.

    Args:
        longest: tokens of the longest context.
    """
    num_seqs, num_heads, head_size = query.shape
    num_kv_heads = named["key_cache"].shape[2]
    parts = -(-longest // PARTITION)
    sinks = {name: named.pop(name) for name in ("sinks", "has_sinks")}
    shape = (num_seqs, num_heads, parts)
    m, l, O = launcher.run(  # noqa: E741
        "paged_attention_split_kv",
        {"query": query, **named},
        {
            "m": (shape, np.float32),
            "l": (shape, np.float32),
            "O": ((*shape, head_size), np.float32),
        },
        {"HEAD_SIZE": head_size, "PARTITION": PARTITION},
        (num_kv_heads * -(-(num_heads // num_kv_heads) // ROWS), num_seqs, parts),
        THREADS,
    )
    (output,) = launcher.run(
        "paged_attention_reduce",
        {"m": m, "l": l, "O": O, **sinks},
        {"output": (query.shape, query.dtype)},
        {"T": query.dtype, "HEAD_SIZE": head_size},
        (num_heads, num_seqs, 1),
        LANES,
    )
    return output


def mla_attention(
    launcher: Launcher,
    query: Given,
    tiles: Given,
    latent_cache: Given,
    *,
    latent_size: int,
    block_table: Given,
    seq_lens: Given,
    query_start_loc: Given,
    scale: float,
) -> Any:
    """[num_tokens, num_heads, latent_size]."""
    num_tokens, num_heads, row_size = query.shape
    (output,) = launcher.run(
        "mla_attention",
        {
            "query": query,
            "tiles": tiles,
            "latent_cache": latent_cache,
            "block_table": block_table,
            "seq_lens": seq_lens,
            "query_start_loc": query_start_loc,
            "scale": np.float32(scale),
        },
        {"output": ((num_tokens, num_heads, latent_size), query.dtype)},
        {"T": query.dtype, "ROW_SIZE": row_size, "LATENT_SIZE": latent_size},
        (len(tiles), 1, 1),
        THREADS,
    )
    return output


def features(
    num_heads: int,
    *,
    scale: float,
    sliding_window: int | None = None,
    logits_soft_cap: float | None = None,
    sinks: Given | None = None,
    alibi_slopes: Given | None = None,
    k_scale: float = 1.0,
    v_scale: float = 1.0,
) -> dict[str, Any]:
    """What is asked of a kernel, and what has no effect in place of what is not."""
    none = np.zeros(num_heads, np.float32)
    return {
        "scale": np.float32(scale),
        "sliding_window": np.int32(min(sliding_window or NO_WINDOW, NO_WINDOW)),
        "logits_soft_cap": np.float32(logits_soft_cap or 0.0),
        "alibi_slopes": none if alibi_slopes is None else alibi_slopes,
        "sinks": none if sinks is None else sinks,
        "has_sinks": np.bool_(sinks is not None),
        "k_scale": np.float32(k_scale),
        "v_scale": np.float32(v_scale),
    }


def tiles_of(query_start_loc: Array, sequences: NDArray[Any], group: int) -> NDArray[np.int32]:
    """Tiles of at most ROWS rows each, [num_tiles, 2]: sequence, and first row in it.

    Args:
        group: rows of a query token, the heads that share a K/V head.
    """
    counts = -(-np.diff(query_start_loc)[sequences] * group // ROWS)
    of_sequence = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.stack([np.repeat(sequences, counts), ROWS * of_sequence], axis=1).astype(np.int32)
