"""Attention over a paged KV cache of MLX arrays: one sequence is gathered, then attended to.

All is computed in float32. MLX's own attention would take float16 and bfloat16 as well, but rounds
what a kernel is not excused for: logits, where it has no fused kernel (on a CPU always), and scaled
queries, where its fused kernel for prefill runs.
"""

from __future__ import annotations

import mlx.core as mx

from reference.mlx_ops.cache import dequantise


def paged_attention(
    query: mx.array,
    key_cache: mx.array,
    value_cache: mx.array,
    *,
    block_table: list[list[int]],
    seq_lens: list[int],
    query_start_loc: list[int],
    scale: float,
    sliding_window: int | None = None,
    logits_soft_cap: float | None = None,
    sinks: mx.array | None = None,
    alibi_slopes: mx.array | None = None,
    kv_cache_dtype: str = "auto",
    k_scale: float = 1.0,
    v_scale: float = 1.0,
) -> mx.array:
    """[num_tokens, num_heads, head_size] in the query's dtype.

    Arguments are those of `reference.oracle.paged.paged_attention`, where values may have another
    size than keys; the three that say where things
    are, are lists, since the shapes of MLX's operations depend on them.
    """
    outputs = [mx.zeros((0, query.shape[1], value_cache.shape[-1]))]
    for sequence, length in enumerate(seq_lens):
        first, end = query_start_loc[sequence], query_start_loc[sequence + 1]
        if first == end:
            continue
        start = length - (end - first)  # position of the first query
        begin = 0 if sliding_window is None else max(0, start - sliding_window + 1)
        k, v = (
            dequantise(gather(cache, block_table[sequence], begin, length), kv_cache_dtype, worth)
            for cache, worth in ((key_cache, k_scale), (value_cache, v_scale))
        )
        # A masked key has a weight of 0, which times infinity is NaN: with such keys each query is
        # given those alone that it sees.
        finite = (mx.isfinite(k).all() & mx.isfinite(v).all()).item()
        for rows in [range(first, end)] if finite else [range(n, n + 1) for n in range(first, end)]:
            low, high = rows[0] - first + start, rows[-1] - first + start + 1  # positions
            near = begin if sliding_window is None else max(begin, low - sliding_window + 1)
            outputs.append(
                attend(
                    query[rows[0] : rows[-1] + 1],
                    k[near - begin : high - begin],
                    v[near - begin : high - begin],
                    mx.arange(low, high)[:, None] - mx.arange(near, high)[None],
                    scale=scale,
                    sliding_window=sliding_window,
                    logits_soft_cap=logits_soft_cap,
                    sinks=sinks,
                    alibi_slopes=alibi_slopes,
                )
            )
    return mx.concatenate(outputs).astype(query.dtype)


def mla_attention(
    query: mx.array,
    latent_cache: mx.array,
    *,
    latent_size: int,
    block_table: list[list[int]],
    seq_lens: list[int],
    query_start_loc: list[int],
    scale: float,
) -> mx.array:
    """[num_tokens, num_heads, latent_size]: one K/V head, whose value is the latent of its key."""
    keys = latent_cache[:, :, None]
    return paged_attention(
        query,
        keys,
        keys[..., :latent_size],
        block_table=block_table,
        seq_lens=seq_lens,
        query_start_loc=query_start_loc,
        scale=scale,
    )


def gather(cache: mx.array, blocks: list[int], begin: int, end: int) -> mx.array:
    """Tokens `begin` to `end` of one sequence, [end - begin, num_kv_heads, head_size].

    Args:
        cache: [num_blocks, block_size, num_kv_heads, head_size].
        blocks: the sequence's row of the block table.
    """
    block_size = cache.shape[1]
    first = begin // block_size
    tokens = cache[mx.array(blocks[first : -(-end // block_size)])].flatten(0, 1)
    return tokens[begin - first * block_size : end - first * block_size]


def attend(
    query: mx.array,
    keys: mx.array,
    values: mx.array,
    distance: mx.array,
    *,
    scale: float,
    sliding_window: int | None,
    logits_soft_cap: float | None,
    sinks: mx.array | None,
    alibi_slopes: mx.array | None,
) -> mx.array:
    """Attention of one sequence, [num_queries, num_heads, head_size] in float32.

    Args:
        query: [num_queries, num_heads, head_size].
        keys, values: [num_keys, num_kv_heads, head_size].
        distance: [num_queries, num_keys], below 0 for keys that come after the query.
    """
    q, k, v = (array.astype(mx.float32).swapaxes(0, 1)[None] for array in (query, keys, values))
    seen = distance >= 0
    if sliding_window is not None:
        seen = seen & (distance < sliding_window)
    bias = mx.where(seen, 0.0, -mx.inf)  # [num_queries, num_keys]
    if alibi_slopes is not None:
        bias = bias - alibi_slopes[:, None, None] * distance  # [num_heads, num_queries, num_keys]
    if logits_soft_cap is None:
        found = mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=bias, sinks=sinks)
    else:
        found = _soft_capped(q, k, v, bias, scale, logits_soft_cap, sinks)
    return found[0].swapaxes(0, 1)


def _soft_capped(
    q: mx.array,
    k: mx.array,
    v: mx.array,
    bias: mx.array,
    scale: float,
    cap: float,
    sinks: mx.array | None,
) -> mx.array:
    """The cap stands between product and mask, where MLX's attention has no place for it."""
    groups = q.shape[1] // k.shape[1]
    k, v = mx.repeat(k, groups, axis=1), mx.repeat(v, groups, axis=1)
    s = cap * mx.tanh(scale * (q @ k.swapaxes(-1, -2)) / cap) + bias
    if sinks is None:
        return mx.softmax(s, axis=-1) @ v
    sink = mx.broadcast_to(sinks[None, :, None, None], (*s.shape[:-1], 1))
    return mx.softmax(mx.concatenate([s, sink], axis=-1), axis=-1)[..., :-1] @ v
