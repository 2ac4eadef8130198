"""The Metal kernels behind the contract of kernel libraries: NumPy arrays in and out."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.metal import kernels
from reference.metal.launch import Launcher, has_gpu
from reference.oracle import arguments
from reference.oracle.arguments import ArgumentError
from reference.oracle.attention import Array

HEAD_SIZES = (64, 80, 96, 112, 128, 192, 256)
BLOCK_SIZES = (8, 16, 32)

THREADGROUP_MEMORY = 32 << 10
"""Bytes that a threadgroup may have on Apple's GPUs."""


class MetalKernels:
    """The operations as `reference.oracle` defines them, with the same arguments.

    They are checked before anything is launched.

    Raises, from each operation:
        ArgumentError: see `reference.oracle.arguments`; or blocks are no multiple of a tile.
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
        **named: Any,
    ) -> None:
        arguments.check_reshape_and_cache(key, value, key_cache, value_cache, slot_mapping, **named)
        keys, values = np.ascontiguousarray(key_cache), np.ascontiguousarray(value_cache)
        scales = named.get("k_scale", 1.0), named.get("v_scale", 1.0)
        kernels.reshape_and_cache(self.launcher, key, value, keys, values, slot_mapping, *scales)
        _copy_back(keys, key_cache)
        _copy_back(values, value_cache)

    def copy_blocks(self, key_cache: Array, value_cache: Array, block_mapping: Array) -> None:
        arguments.check_copy_blocks(key_cache, value_cache, block_mapping)
        keys, values = np.ascontiguousarray(key_cache), np.ascontiguousarray(value_cache)
        kernels.copy_blocks(self.launcher, keys, values, block_mapping)
        _copy_back(keys, key_cache)
        _copy_back(values, value_cache)

    def paged_attention(
        self, query: Array, key_cache: Array, value_cache: Array, **named: Any
    ) -> Array:
        arguments.check_paged_attention(query, key_cache, value_cache, **named)
        _check_tiles(key_cache, kernels.paged_attention_memory(query.shape[-1]))
        block_table, seq_lens, query_start_loc = (
            named.pop(name) for name in ("block_table", "seq_lens", "query_start_loc")
        )
        named.pop("kv_cache_dtype", None)  # the caches' own dtype says it
        features = kernels.features(query.shape[1], **named)
        caches = {"key_cache": key_cache, "value_cache": value_cache}
        query_lens = np.diff(query_start_loc)
        # Of each sequence alone, so that no other decides in which order its keys are summed.
        split = (query_lens == 1) & (seq_lens > kernels.PARTITION)
        output = np.empty(query.shape, query.dtype)
        if (query_lens[~split] > 0).any():
            output = kernels.paged_attention(
                self.launcher,
                query,
                kernels.tiles_of(
                    query_start_loc, np.flatnonzero(~split), query.shape[1] // key_cache.shape[2]
                ),
                **caches,
                block_table=block_table,
                seq_lens=seq_lens,
                query_start_loc=query_start_loc,
                **features,
            )
        if split.any():
            tokens = query_start_loc[:-1][split]
            output[tokens] = kernels.paged_attention_split_kv(
                self.launcher,
                query[tokens],
                int(seq_lens[split].max()),
                **caches,
                block_table=block_table[split],
                seq_lens=seq_lens[split],
                **features,
            )
        return output

    def mla_attention(self, query: Array, latent_cache: Array, **named: Any) -> Array:
        arguments.check_mla_attention(query, latent_cache, **named)
        _check_tiles(latent_cache, kernels.mla_attention_memory(query.shape[-1]))
        if len(query) == 0:
            return np.empty((*query.shape[:2], named["latent_size"]), query.dtype)
        every = np.arange(len(named["seq_lens"]))
        tiles = kernels.tiles_of(named["query_start_loc"], every, query.shape[1])
        found: Array = kernels.mla_attention(self.launcher, query, tiles, latent_cache, **named)
        return found


def _check_tiles(cache: Array, memory: int) -> None:
    """A tile lies within one block, and all tiles in the memory of a threadgroup.

    Args:
        cache: [num_blocks, block_size, ...].
        memory: bytes that the kernel needs.
    """
    if cache.shape[1] % kernels.KEYS:
        raise ArgumentError(
            f"block_size is {cache.shape[1]}; these kernels need a multiple of {kernels.KEYS}."
        )
    if memory > THREADGROUP_MEMORY:
        raise ArgumentError(
            f"Rows of {cache.shape[-1]} numbers need {memory} bytes of threadgroup memory; there "
            f"are {THREADGROUP_MEMORY}."
        )


def _copy_back(contiguous: Array, cache: Array) -> None:
    """A cache that is part of a larger array was copied."""
    if not np.shares_memory(contiguous, cache):
        cache[...] = contiguous
