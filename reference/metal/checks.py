"""What these kernels ask for beyond `reference.oracle.arguments`."""

from __future__ import annotations

import math

import numpy as np

from reference.metal.kernels import KEYS
from reference.oracle.arguments import ArgumentError
from reference.oracle.attention import Array

STORED = {"fp8": "uint8", "int8": "int8"}
"""dtype of a cache of 8 bits by vLLM's word."""

THREADGROUP_MEMORY = 32 << 10
"""Bytes that a threadgroup may have on Apple's GPUs."""


def check_quantised(
    kv_cache_dtype: str, key_cache: Array, value_cache: Array, k_scale: float, v_scale: float
) -> None:
    """Caches are as `kv_cache_dtype` says, and scales can be divided by.

    Raises:
        ArgumentError: they are not.
    """
    if kv_cache_dtype not in ("auto", *STORED):
        raise ArgumentError(f"kv_cache_dtype is {kv_cache_dtype!r}; expected auto, fp8 or int8.")
    if kv_cache_dtype != "auto":
        for name, cache in (("key_cache", key_cache), ("value_cache", value_cache)):
            if cache.dtype.name != STORED[kv_cache_dtype]:
                raise ArgumentError(
                    f"{name} is {cache.dtype.name}; expected {STORED[kv_cache_dtype]}, as "
                    f"kv_cache_dtype is {kv_cache_dtype}."
                )
    for name, scale in (("k_scale", k_scale), ("v_scale", v_scale)):
        if not (math.isfinite(scale) and scale > 0):
            raise ArgumentError(f"{name} is {scale}; expected a finite number above 0.")


def stand_in(cache: Array, tokens: Array, kv_cache_dtype: str) -> Array:
    """An array of the cache's shape and, where it is of 8 bits, of the tokens' dtype."""
    if kv_cache_dtype == "auto":
        return cache
    return np.broadcast_to(np.zeros((), tokens.dtype), cache.shape)


def floats(cache: Array) -> Array:
    """The same for `copy_blocks`, to which 8 bits are as good as any."""
    if cache.dtype.name not in STORED.values():
        return cache
    return np.broadcast_to(np.zeros((), np.float32), cache.shape)


def check_tile(cache: Array, memory: int) -> None:
    """A tile lies within one block, and all tiles in the memory of a threadgroup.

    Args:
        cache: [num_blocks, block_size, ...].
        memory: bytes that the kernel needs.

    Raises:
        ArgumentError: it does not.
    """
    if cache.shape[1] % KEYS:
        raise ArgumentError(
            f"block_size is {cache.shape[1]}; these kernels need a multiple of {KEYS}."
        )
    if memory > THREADGROUP_MEMORY:
        raise ArgumentError(
            f"Rows of {cache.shape[-1]} numbers need {memory} bytes of threadgroup memory; there "
            f"are {THREADGROUP_MEMORY}."
        )
