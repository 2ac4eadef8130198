"""Writing to a paged KV cache of MLX arrays.

An assignment to an index of an MLX array is a scatter. MLX does it in the array's own memory where
nothing else holds the array, so a pool that only its owner names is not copied.
"""

from __future__ import annotations

import mlx.core as mx


def reshape_and_cache(
    key: mx.array,
    value: mx.array,
    key_cache: mx.array,
    value_cache: mx.array,
    slots: mx.array,
) -> None:
    """Writes each token's key and value to its slot.

    Args:
        key, value: [num_tokens, num_kv_heads, head_size].
        key_cache, value_cache: [num_blocks, block_size, num_kv_heads, head_size], changed.
        slots: [num_tokens], none of them -1: MLX counts negative indices from the end.
    """
    block_size = key_cache.shape[1]
    block, offset = slots // block_size, slots % block_size
    key_cache[block, offset] = key
    value_cache[block, offset] = value


def copy_blocks(key_cache: mx.array, value_cache: mx.array, block_mapping: mx.array) -> None:
    """Copies whole blocks; `block_mapping` is [num_pairs, 2], from and to."""
    source, destination = block_mapping[:, 0], block_mapping[:, 1]
    key_cache[destination] = key_cache[source]
    value_cache[destination] = value_cache[source]
