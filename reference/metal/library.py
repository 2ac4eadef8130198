"""The Metal kernels behind the contract of kernel libraries: NumPy arrays in and out."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.metal import checks, kernels
from reference.metal.launch import Launcher, has_gpu
from reference.oracle import arguments
from reference.oracle.attention import Array

HEAD_SIZES = (64, 80, 96, 112, 128, 192, 256)
BLOCK_SIZES = (8, 16, 32)


class MetalKernels:
    """The operations of a paged K/V cache, as `reference.oracle` defines them.

    Arguments are checked before anything is launched.

    Raises, from each operation:
        ArgumentError: see `reference.oracle.arguments` and `checks`.
        CheckError: in the emulator, a safety mode found something.
    """

    name = "reference-metal"

    def __init__(self, launcher: Launcher | None = None) -> None:
        """`launcher` is by default the GPU, or else the emulator with all safety modes."""
        self.launcher = launcher or Launcher(gpu=has_gpu())

    def capabilities(self) -> dict[str, Any]:
        """All features, at the shapes that models have."""
        return {"head_sizes": HEAD_SIZES, "block_sizes": BLOCK_SIZES}

    def reshape_and_cache(
        self,
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
        checks.check_quantised(kv_cache_dtype, key_cache, value_cache, k_scale, v_scale)
        arguments.check_reshape_and_cache(
            key,
            value,
            checks.stand_in(key_cache, key, kv_cache_dtype),
            checks.stand_in(value_cache, key, kv_cache_dtype),
            slot_mapping,
        )
        keys, values = np.ascontiguousarray(key_cache), np.ascontiguousarray(value_cache)
        kernels.reshape_and_cache(
            self.launcher, key, value, keys, values, slot_mapping, k_scale, v_scale
        )
        _copy_back(keys, key_cache)
        _copy_back(values, value_cache)

    def copy_blocks(self, key_cache: Array, value_cache: Array, block_mapping: Array) -> None:
        arguments.check_copy_blocks(
            checks.floats(key_cache), checks.floats(value_cache), block_mapping
        )
        keys, values = np.ascontiguousarray(key_cache), np.ascontiguousarray(value_cache)
        kernels.copy_blocks(self.launcher, keys, values, block_mapping)
        _copy_back(keys, key_cache)
        _copy_back(values, value_cache)

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
        kv_cache_dtype: str = "auto",
        k_scale: float = 1.0,
        v_scale: float = 1.0,
    ) -> Array:
        checks.check_quantised(kv_cache_dtype, key_cache, value_cache, k_scale, v_scale)
        arguments.check_paged_attention(
            query,
            checks.stand_in(key_cache, query, kv_cache_dtype),
            checks.stand_in(value_cache, query, kv_cache_dtype),
            block_table=block_table,
            seq_lens=seq_lens,
            query_start_loc=query_start_loc,
            scale=scale,
            sliding_window=sliding_window,
            logits_soft_cap=logits_soft_cap,
            sinks=sinks,
            alibi_slopes=alibi_slopes,
        )
        num_heads = query.shape[1]
        checks.check_tile(key_cache, kernels.paged_attention_memory(query.shape[2]))
        none = np.zeros(num_heads, np.float32)
        named = {
            "key_cache": key_cache,
            "value_cache": value_cache,
            "scale": np.float32(scale),
            "sliding_window": np.int32(sliding_window or kernels.NO_WINDOW),
            "logits_soft_cap": np.float32(logits_soft_cap or 0.0),
            "alibi_slopes": none if alibi_slopes is None else alibi_slopes,
            "sinks": none if sinks is None else sinks,
            "has_sinks": np.bool_(sinks is not None),
            "k_scale": np.float32(k_scale),
            "v_scale": np.float32(v_scale),
        }
        query_lens = np.diff(query_start_loc)
        # Of each sequence alone, so that no other decides how its sums are made.
        split = (query_lens == 1) & (seq_lens > kernels.PARTITION)
        output = np.empty(query.shape, query.dtype)
        if (query_lens[~split] > 0).any():
            output = kernels.paged_attention(
                self.launcher,
                query,
                np.flatnonzero(~split),
                block_table=block_table,
                seq_lens=seq_lens,
                query_start_loc=query_start_loc,
                **named,
            )
        if split.any():
            tokens = query_start_loc[:-1][split]
            output[tokens] = kernels.paged_attention_split_kv(
                self.launcher,
                query[tokens],
                block_table=block_table[split],
                seq_lens=seq_lens[split],
                **named,
            )
        return output

    def mla_attention(
        self,
        query: Array,
        latent_cache: Array,
        *,
        latent_size: int,
        block_table: Array,
        seq_lens: Array,
        query_start_loc: Array,
        scale: float,
    ) -> Array:
        arguments.check_mla_attention(
            query,
            latent_cache,
            latent_size=latent_size,
            block_table=block_table,
            seq_lens=seq_lens,
            query_start_loc=query_start_loc,
            scale=scale,
        )
        checks.check_tile(latent_cache, kernels.mla_attention_memory(query.shape[2]))
        if not len(query):
            return np.empty((*query.shape[:2], latent_size), query.dtype)
        return kernels.mla_attention(
            self.launcher,
            query,
            latent_size,
            query_start_loc,
            latent_cache=latent_cache,
            block_table=block_table,
            seq_lens=seq_lens,
            scale=np.float32(scale),
        )


def _copy_back(contiguous: Array, cache: Array) -> None:
    """A cache that is part of a larger array was copied."""
    if not np.shares_memory(contiguous, cache):
        cache[...] = contiguous
