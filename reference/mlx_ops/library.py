"""The MLX operations behind the contract of kernel libraries: NumPy arrays in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mlx.core as mx
import numpy as np

from reference.mlx_ops import attention, cache
from reference.oracle import arguments
from reference.oracle.attention import Array


class MlxOps:
    """The operations as `reference.oracle` defines them, with the same arguments.

    Raises, from each operation:
        ArgumentError: see `reference.oracle.arguments`.
    """

    name = "reference-mlx"

    def capabilities(self) -> dict[str, Any]:
        """It leaves out nothing."""
        return {}

    def reshape_and_cache(
        self,
        key: Array,
        value: Array,
        key_cache: Array,
        value_cache: Array,
        slot_mapping: Array,
        **named: Any,
    ) -> None:
        given = key, value, key_cache, value_cache, slot_mapping
        arguments.check_reshape_and_cache(*given, **named)
        used = slot_mapping >= 0
        pools = mx.array(key_cache), mx.array(value_cache)
        tokens = mx.array(key[used]), mx.array(value[used])
        cache.reshape_and_cache(*tokens, *pools, mx.array(slot_mapping[used]), **named)
        key_cache[...], value_cache[...] = map(to_numpy, pools)

    def copy_blocks(self, key_cache: Array, value_cache: Array, block_mapping: Array) -> None:
        arguments.check_copy_blocks(key_cache, value_cache, block_mapping)
        pools = mx.array(key_cache), mx.array(value_cache)
        cache.copy_blocks(*pools, mx.array(block_mapping))
        key_cache[...], value_cache[...] = map(to_numpy, pools)

    def paged_attention(
        self, query: Array, key_cache: Array, value_cache: Array, **named: Any
    ) -> Array:
        arguments.check_paged_attention(query, key_cache, value_cache, **named)
        arrays = map(mx.array, (query, key_cache, value_cache))
        return to_numpy(attention.paged_attention(*arrays, **_for_mlx(named)))

    def mla_attention(self, query: Array, latent_cache: Array, **named: Any) -> Array:
        arguments.check_mla_attention(query, latent_cache, **named)
        arrays = map(mx.array, (query, latent_cache))
        return to_numpy(attention.mla_attention(*arrays, **_for_mlx(named)))


def _for_mlx(named: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of an attention: where things are as lists, other arrays as MLX's."""
    lists = ("block_table", "seq_lens", "query_start_loc")
    found = {name: given.tolist() if name in lists else given for name, given in named.items()}
    return {n: mx.array(a) if isinstance(a, np.ndarray) else a for n, a in found.items()}


def to_numpy(array: mx.array) -> Array:
    """A copy of an MLX array; bfloat16 becomes that of `ml_dtypes`."""
    if array.dtype != mx.bfloat16:
        return np.array(array)
    import ml_dtypes

    return np.array(array.view(mx.uint16)).view(ml_dtypes.bfloat16)
