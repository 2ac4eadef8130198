"""Writing to a paged KV cache: Kwon et al. 2023, section 4.3 and 4.4.

Nothing is computed, unless the cache is quantised: what is read later is bit for bit what was
written.
"""

from __future__ import annotations

from reference.oracle import arguments, quantised
from reference.oracle.attention import Array


def reshape_and_cache(
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
    """Writes each token's key and value to its slot; slot -1 is padding and written nowhere.

    Args:
        key, value: [num_tokens, num_kv_heads, head_size].
        key_cache, value_cache: [num_blocks, block_size, num_kv_heads, head_size], changed in place.
        slot_mapping: [num_tokens] int64, block · block_size + offset.
        kv_cache_dtype: "auto" for caches in the dtype of the tokens, "fp8" or "int8" (`quantised`).
        k_scale, v_scale: one scale for all keys and one for all values, of quantised caches.

    Raises:
        ArgumentError: see `arguments`.
    """
    arguments.check_reshape_and_cache(
        key,
        value,
        key_cache,
        value_cache,
        slot_mapping,
        kv_cache_dtype=kv_cache_dtype,
        k_scale=k_scale,
        v_scale=v_scale,
    )
    if kv_cache_dtype != "auto":
        key = quantised.quantise(key, kv_cache_dtype, k_scale)
        value = quantised.quantise(value, kv_cache_dtype, v_scale)
    block_size = key_cache.shape[1]
    for token, slot in enumerate(map(int, slot_mapping)):
        if slot >= 0:
            block, offset = divmod(slot, block_size)
            key_cache[block, offset] = key[token]
            value_cache[block, offset] = value[token]


def copy_blocks(key_cache: Array, value_cache: Array, block_mapping: Array) -> None:
    """Copies whole blocks, as copy-on-write does when sequences with a common prefix part.

    Args:
        key_cache, value_cache: [num_blocks, block_size, num_kv_heads, head_size], changed in place.
        block_mapping: [num_pairs, 2] int64, from and to.

    Raises:
        ArgumentError: see `arguments`.
    """
    arguments.check_copy_blocks(key_cache, value_cache, block_mapping)
    for source, destination in block_mapping:
        key_cache[destination] = key_cache[source]
        value_cache[destination] = value_cache[source]
