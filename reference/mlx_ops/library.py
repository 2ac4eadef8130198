"""The MLX operations behind the contract of kernel libraries: NumPy arrays in and out."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from reference.mlx_ops import attention, cache
from reference.oracle import arguments
from reference.oracle.attention import Array


class MlxOps:
    """`reshape_and_cache`, `copy_blocks` and `paged_attention`, as `reference.oracle` defines them.

    Raises, from each operation:
        ArgumentError: see `reference.oracle.arguments`.
    """

    name = "reference-mlx"

    def capabilities(self) -> dict[str, Any]:
        """It leaves out nothing."""
        return {}

    def reshape_and_cache(
        self, key: Array, value: Array, key_cache: Array, value_cache: Array, slot_mapping: Array
    ) -> None:
        arguments.check_reshape_and_cache(key, value, key_cache, value_cache, slot_mapping)
        used = slot_mapping >= 0
        pools = mx.array(key_cache), mx.array(value_cache)
        cache.reshape_and_cache(
            mx.array(key[used]), mx.array(value[used]), *pools, mx.array(slot_mapping[used])
        )
        key_cache[...], value_cache[...] = map(to_numpy, pools)

    def copy_blocks(self, key_cache: Array, value_cache: Array, block_mapping: Array) -> None:
        arguments.check_copy_blocks(key_cache, value_cache, block_mapping)
        pools = mx.array(key_cache), mx.array(value_cache)
        cache.copy_blocks(*pools, mx.array(block_mapping))
        key_cache[...], value_cache[...] = map(to_numpy, pools)

    def paged_attention(
        self,
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
    ) -> Array:
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
        )
        return to_numpy(
            attention.paged_attention(
                mx.array(query),
                mx.array(key_cache),
                mx.array(value_cache),
                block_table=block_table.tolist(),
                seq_lens=seq_lens.tolist(),
                query_start_loc=query_start_loc.tolist(),
                scale=scale,
                sliding_window=sliding_window,
                logits_soft_cap=logits_soft_cap,
                sinks=None if sinks is None else mx.array(sinks),
                alibi_slopes=None if alibi_slopes is None else mx.array(alibi_slopes),
            )
        )


def to_numpy(array: mx.array) -> Array:
    """A copy of an MLX array; bfloat16 becomes that of `ml_dtypes`."""
    if array.dtype != mx.bfloat16:
        return np.array(array)
    import ml_dtypes

    return np.array(array.view(mx.uint16)).view(ml_dtypes.bfloat16)
