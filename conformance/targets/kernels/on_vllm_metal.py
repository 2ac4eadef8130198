"""vllm-metal's own operations, on a Mac: `get_ops().reshape_and_cache` and
`paged_attention_primitive`.

Written from its public source (github.com/vllm-project/vllm-metal: vllm_metal/metal/paged_ops.cpp,
vllm_metal/attention/impls/sdpa.py, kernels_v2/pagedattention.metal, of 2026) and never run: there
was no Mac. Releases differ: head sizes are those that every version of the source has kernels for,
and sinks are claimed where the installed one takes them.
"""

from __future__ import annotations

import importlib
from typing import Any

import mlx.core as mx
import numpy as np

from conformance.targets.kernels.contract import Array, KernelCapabilities, KernelError

MLX = {"float16": mx.float16, "bfloat16": mx.bfloat16, "float32": mx.float32}


class VllmMetalKernels:
    """Arrays are copied to MLX and back; the caches' layout is the contract's."""

    name = "vllm-metal"

    def __init__(self) -> None:
        self._ops: Any = importlib.import_module("vllm_metal.metal").get_ops()
        for operation in ("reshape_and_cache", "paged_attention_primitive"):
            if not hasattr(self._ops, operation):
                raise KernelError(f"this release of vllm-metal has no {operation}")
        self._takes_sinks = "sinks" in (self._ops.paged_attention_primitive.__doc__ or "")

    def capabilities(self) -> KernelCapabilities:
        features = ["grouped-heads", "sliding-window", "logits-soft-cap", "prefill"]
        return KernelCapabilities(
            dtypes=tuple(MLX),
            head_sizes=(64, 80, 96, 112, 128, 256),
            block_sizes=(8, 16, 32),
            features=[*features, "sinks"] if self._takes_sinks else features,
        )

    def reshape_and_cache(
        self, key: Array, value: Array, key_cache: Array, value_cache: Array, slot_mapping: Array
    ) -> None:
        if not len(key):
            return
        given = (to_mlx(array) for array in (key, value, key_cache, value_cache, slot_mapping))
        caches = self._ops.reshape_and_cache(*given)
        mx.eval(*caches)
        for cache, written in zip((key_cache, value_cache), caches, strict=True):
            cache[...] = to_numpy(written, cache.dtype)

    def copy_blocks(self, key_cache: Array, value_cache: Array, block_mapping: Array) -> None:
        raise KernelError("vllm-metal has no copy_blocks.")

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
    ) -> Array:
        if not len(query):
            return np.empty(query.shape, query.dtype)
        output = mx.array(0)  # the operation makes it an array of its own
        self._ops.paged_attention_primitive(
            to_mlx(query),
            to_mlx(key_cache),
            to_mlx(value_cache),
            key_cache.shape[2],
            scale,
            logits_soft_cap or 0.0,
            to_mlx(block_table),
            to_mlx(seq_lens),
            to_mlx(query_start_loc),
            key_cache.shape[1],
            int(seq_lens.max()),
            -1 if sliding_window is None else sliding_window,
            output,
            **({} if sinks is None else {"sinks": to_mlx(sinks)}),
        )
        mx.eval(output)
        return to_numpy(output, query.dtype)


def to_mlx(array: Array) -> mx.array:
    """A copy; NumPy has no bfloat16 of its own, see `memory.mapped`."""
    if array.dtype.name in ("float16", "float32", "int32", "int64"):
        return mx.array(np.ascontiguousarray(array))
    return mx.array(np.ascontiguousarray(array).view(np.uint16)).view(mx.bfloat16)


def to_numpy(array: mx.array, dtype: np.dtype[Any]) -> Array:
    """The same numbers as an array of `dtype`, which is as wide."""
    bits = array.view(mx.uint16 if dtype.itemsize == 2 else mx.uint32)
    return np.array(bits).view(dtype)
