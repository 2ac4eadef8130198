"""Attention over a paged KV cache: Kwon et al. 2023, "Efficient Memory Management for Large
Language Model Serving with PagedAttention", section 4.1.

Token j of sequence i is kept in slot j mod block_size of block `block_table[i, j // block_size]`.
The queries of a sequence are its last tokens; each sees itself and those before it, of these the
last `sliding_window` where there is a window (Beltagy et al. 2020; vLLM counts the token itself).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from reference.oracle import arguments, quantised
from reference.oracle.attention import Array, Features, Float64, attend


@dataclass(frozen=True)
class Seen:
    """A query token, and what it sees.

    Attributes:
        token: its row of `query`.
        keys, values: [num_keys, num_kv_heads, head_size], in order of their positions.
        distances: [num_keys], from `num_keys - 1` down to 0.
    """

    token: int
    keys: Array
    values: Array
    distances: Array


def paged_attention(
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
) -> Float64:
    """Prefill, decode and any mixture of the two.

    Args:
        query: [num_tokens, num_heads, head_size].
        key_cache, value_cache: [num_blocks, block_size, num_kv_heads, head_size].
        block_table: [num_seqs, max_blocks] int32; what lies beyond a sequence's blocks is not read.
        seq_lens: [num_seqs] int32, tokens of each sequence, those of this call among them.
        query_start_loc: [num_seqs + 1] int32, where each sequence's rows of `query` begin.
        sinks, alibi_slopes: [num_heads] float32.
        kv_cache_dtype, k_scale, v_scale: how caches are quantised, if they are: see `quantised`.

    Returns:
        [num_tokens, num_heads, head_size].

    Raises:
        ArgumentError: see `arguments`.
    """
    arguments.check_paged_attention(
        query,
        key_cache,
        value_cache,
        block_table=block_table,
        seq_lens=seq_lens,
        query_start_loc=query_start_loc,
        scale=scale,
        sliding_window=sliding_window,
        logits_soft_cap=logits_soft_cap,
        sinks=sinks,
        alibi_slopes=alibi_slopes,
        kv_cache_dtype=kv_cache_dtype,
        k_scale=k_scale,
        v_scale=v_scale,
    )
    key_cache = quantised.dequantise(key_cache, kv_cache_dtype, k_scale)
    value_cache = quantised.dequantise(value_cache, kv_cache_dtype, v_scale)
    features = Features(scale, logits_soft_cap, sinks, alibi_slopes)
    output = np.empty(query.shape, np.float64)
    for seen in each_query(
        key_cache, value_cache, block_table, seq_lens, query_start_loc, sliding_window
    ):
        output[seen.token] = attend(
            query[seen.token], seen.keys, seen.values, seen.distances, features
        ).output
    return output


def each_query(
    key_cache: Array,
    value_cache: Array,
    block_table: Array,
    seq_lens: Array,
    query_start_loc: Array,
    sliding_window: int | None,
) -> Iterator[Seen]:
    """Every query token with the keys and values that it sees."""
    for sequence, length in enumerate(map(int, seq_lens)):
        keys = gather(key_cache, block_table[sequence], length)
        values = gather(value_cache, block_table[sequence], length)
        first, end = int(query_start_loc[sequence]), int(query_start_loc[sequence + 1])
        for token in range(first, end):
            position = length - (end - token)
            begin = 0 if sliding_window is None else max(0, position - sliding_window + 1)
            distances = position - np.arange(begin, position + 1)
            yield Seen(token, keys[begin : position + 1], values[begin : position + 1], distances)


def gather(cache: Array, blocks: Array, length: int) -> Array:
    """The tokens of one sequence in order, [length, ...].

    Args:
        cache: [num_blocks, block_size, ...].
        blocks: [max_blocks], a row of the block table.
    """
    positions = np.arange(length)
    block_size = cache.shape[1]
    found: Array = cache[blocks[positions // block_size], positions % block_size]
    return found
