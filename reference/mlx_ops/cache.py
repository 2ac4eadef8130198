"""Writing to a paged KV cache of MLX arrays.

An assignment to an index of an MLX array is a scatter. MLX does it in the array's own memory where
nothing else holds the array, so a pool that only its owner names is not copied.
"""

from __future__ import annotations

import mlx.core as mx

from reference.oracle.quantised import INT8_LARGEST

NAN_OF_E4M3 = 0x7F


def reshape_and_cache(
    key: mx.array,
    value: mx.array,
    key_cache: mx.array,
    value_cache: mx.array,
    slots: mx.array,
    *,
    kv_cache_dtype: str = "auto",
    k_scale: float = 1.0,
    v_scale: float = 1.0,
) -> None:
    """Writes each token's key and value to its slot.

    Args:
        key, value: [num_tokens, num_kv_heads, head_size].
        key_cache, value_cache: [num_blocks, block_size, num_kv_heads, head_size], changed.
        slots: [num_tokens], none of them -1: MLX counts negative indices from the end.
    """
    block_size = key_cache.shape[1]
    block, offset = slots // block_size, slots % block_size
    key_cache[block, offset] = quantise(key, kv_cache_dtype, k_scale)
    value_cache[block, offset] = quantise(value, kv_cache_dtype, v_scale)


def quantise(tokens: mx.array, kv_cache_dtype: str, scale: float) -> mx.array:
    """What a cache stores: `reference.oracle.quantised`."""
    if kv_cache_dtype == "auto":
        return tokens
    ratio = tokens.astype(mx.float32) / scale
    if kv_cache_dtype == "int8":
        return mx.clip(mx.round(ratio), -INT8_LARGEST, INT8_LARGEST).astype(mx.int8)
    # MLX saturates, NaN too.
    return mx.where(mx.isnan(ratio), NAN_OF_E4M3, mx.to_fp8(ratio)).astype(mx.uint8)


def dequantise(stored: mx.array, kv_cache_dtype: str, scale: float) -> mx.array:
    """What a cache is worth, in float32 if it is quantised."""
    if kv_cache_dtype == "auto":
        return stored
    if kv_cache_dtype == "int8":
        return stored.astype(mx.float32) * scale
    return mx.from_fp8(stored, dtype=mx.float32) * scale


def copy_blocks(key_cache: mx.array, value_cache: mx.array, block_mapping: mx.array) -> None:
    """Copies whole blocks; `block_mapping` is [num_pairs, 2], from and to."""
    source, destination = block_mapping[:, 0], block_mapping[:, 1]
    key_cache[destination] = key_cache[source]
    value_cache[destination] = value_cache[source]
