"""vLLM's own CPU kernels: `cpu_attention_with_kv_cache` and what belongs to it.

Runs where vLLM's CPU build is installed. As in vLLM's `CPUAttentionBackendImpl`, both caches are
halves of one tensor [num_blocks, num_kv_heads, 2 * block_size, head_size], and the instruction set
is the one that vLLM chooses for a dtype, a block size and a head size. What lies where inside a
block is each instruction set's own matter: keys are packed for its tiles. So the layout is asked
for and not written down: one block is filled by `cpu_attn_reshape_and_cache` with the numbers of
its places, and read.

vLLM's scheduler gives these kernels blocks of 32 and multiples of 32. The kernels and vLLM's choice
of instruction set take 16, too. Caches in fp8 need blocks of 32, which capabilities cannot say of
one feature: they are left out. Latents are decoded by `mla_decode_kvcache`, one query token a row
and in blocks of 16, of which a larger block is a few.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from vllm import _custom_ops as ops
from vllm import envs
from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend, _get_attn_isa

from conformance.targets.kernels.contract import Array, KernelCapabilities, KernelError

Tensor = torch.Tensor

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
LATENT_SIZE, ROPE_SIZE, LATENT_BLOCK_SIZE = 512, 64, 16
"""What vLLM's `mla_decode_kvcache` is compiled for."""

BITS = {2: torch.int16, 4: torch.int32}
"""Integers of as many bytes as a number of a cache."""


class VllmCpuKernels:
    """Arrays are packed as vLLM packs them, and unpacked where vLLM wrote."""

    name = "vllm-cpu"

    def __init__(self) -> None:
        # Linux lends AMX to processes that ask. In a server oneDNN has asked before attention runs.
        if torch.cpu._is_amx_tile_supported():
            torch.cpu._init_amx()

    def capabilities(self) -> KernelCapabilities:
        return KernelCapabilities(
            dtypes=tuple(DTYPES),
            head_sizes=tuple(CPUAttentionBackend.get_supported_head_sizes()),
            block_sizes=(16, 32),
            features=(
                "grouped-heads",
                "sliding-window",
                "logits-soft-cap",
                "sinks",
                "alibi",
                "prefill",
                "mla",
            ),
            latent_sizes=((LATENT_SIZE, ROPE_SIZE),),
        )

    def reshape_and_cache(
        self, key: Array, value: Array, key_cache: Array, value_cache: Array, slot_mapping: Array
    ) -> None:
        if not len(key):
            return  # vLLM makes no such call
        caches = Packed(key_cache, value_cache)
        ops.cpu_attn_reshape_and_cache(
            tensor(key),
            tensor(value),
            caches.key,
            caches.value,
            dense(slot_mapping),
            caches.isa,
        )
        caches.unpack()

    def copy_blocks(self, key_cache: Array, value_cache: Array, block_mapping: Array) -> None:
        raise KernelError("vLLM's CPU build has no copy_blocks.")

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
        output = np.zeros(query.shape, query.dtype)
        if not len(query):
            return output
        caches = Packed(key_cache, value_cache)
        given = tensor(query)
        window = -1 if sliding_window is None else sliding_window
        starts, lengths = dense(query_start_loc), dense(seq_lens)
        metadata = ops.cpu_attn_get_scheduler_metadata(
            num_reqs=len(seq_lens),
            num_heads=query.shape[1],
            num_kv_heads=key_cache.shape[2],
            head_dim=query.shape[2],
            seq_lens=lengths,
            dtype=given.dtype,
            query_start_loc=starts,
            causal=True,
            sliding_window_size=window,
            isa=caches.isa,
            enable_kv_split=envs.VLLM_CPU_ATTN_SPLIT_KV,
        )
        ops.cpu_attention_with_kv_cache(
            query=given,
            key_cache=caches.key,
            value_cache=caches.value,
            output=tensor(output),
            query_start_loc=starts,
            seq_lens=lengths,
            scale=scale,
            causal=True,
            alibi_slopes=None if alibi_slopes is None else dense(alibi_slopes),
            sliding_window=window,
            block_table=dense(block_table),
            softcap=logits_soft_cap or 0.0,
            scheduler_metadata=metadata,
            s_aux=None if sinks is None else dense(sinks),
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
        output = np.zeros((*query.shape[:2], latent_size), query.dtype)
        if not len(query):
            return output
        # Each query token is a row of its own, whose context ends with it.
        starts = tensor(query_start_loc).long()
        counts = starts.diff()
        of = torch.arange(len(counts)).repeat_interleave(counts)
        lengths = tensor(seq_lens)[of] - (starts[of + 1] - torch.arange(len(of))) + 1
        parts = latent_cache.shape[1] // LATENT_BLOCK_SIZE
        cache = dense(latent_cache)
        blocks = tensor(block_table)[of, :, None] * parts + torch.arange(parts)
        ops.mla_decode_kvcache_cpu(
            tensor(output),
            dense(query),
            cache.view(-1, LATENT_BLOCK_SIZE, latent_cache.shape[2]),
            scale,
            blocks.flatten(1).int().contiguous(),
            lengths.int(),
        )
        return output


class Zeroed(VllmCpuKernels):
    """Slots that no sequence has hold 0, as they do in a server until somebody's tokens lie there.

    What `VllmCpuKernels` makes of NaN there hides all else that it does.
    """

    name = "vllm-cpu, unused slots zeroed"

    def paged_attention(
        self, query: Array, key_cache: Array, value_cache: Array, **named: Any
    ) -> Array:
        caches = [_zeroed(cache, named) for cache in (key_cache, value_cache)]
        return super().paged_attention(query, *caches, **named)

    def mla_attention(self, query: Array, latent_cache: Array, **named: Any) -> Array:
        return super().mla_attention(query, _zeroed(latent_cache, named), **named)


def _zeroed(cache: Array, named: Mapping[str, Any]) -> Array:
    """A copy that holds 0 wherever no sequence has a token."""
    unused = np.ones(cache.shape[:2], bool)
    for blocks, length in zip(named["block_table"], named["seq_lens"], strict=True):
        at = np.arange(length)
        unused[blocks[at // cache.shape[1]], at % cache.shape[1]] = False
    copy = cache.copy()
    copy[unused] = np.zeros(1, cache.dtype)
    return copy


class Packed:
    """Both caches as vLLM's kernels have them.

    Attributes:
        key, value: [num_blocks, num_kv_heads, block_size, head_size], packed inside a head.
        isa: the instruction set that they are packed for.
    """

    def __init__(self, key_cache: Array, value_cache: Array) -> None:
        self._arrays = tensor(key_cache), tensor(value_cache)
        num_blocks, block_size, num_kv_heads, head_size = key_cache.shape
        dtype = self._arrays[0].dtype
        self.isa = _get_attn_isa(dtype, block_size, head_size)
        both = torch.empty(num_blocks, num_kv_heads, 2 * block_size, head_size, dtype=dtype)
        self.key, self.value = both.chunk(2, dim=2)
        self._orders = orders(self.isa, dtype, block_size, head_size)
        for packed, order, array in self._each():
            # The bits, so that a NaN stays the NaN that it is.
            inside = bits(array).transpose(1, 2).reshape(num_blocks, num_kv_heads, -1)
            bits(packed).copy_(inside[..., order].view(packed.shape))

    def unpack(self) -> None:
        """What lies in the packed caches is written to the arrays."""
        for packed, order, array in self._each():
            inside = torch.empty_like(bits(packed).flatten(2))
            inside[..., order] = bits(packed).flatten(2)
            bits(array).copy_(inside.view(packed.shape).transpose(1, 2))

    def _each(self) -> zip[tuple[Tensor, Tensor, Tensor]]:
        return zip((self.key, self.value), self._orders, self._arrays, strict=True)


@functools.cache
def orders(isa: str, dtype: torch.dtype, block_size: int, head_size: int) -> tuple[Tensor, Tensor]:
    """Which number of a head's [block_size, head_size] lies where in a block, for keys and values.

    Raises:
        KernelError: what vLLM wrote is no order of what it was given.
    """
    size = block_size * head_size
    numbers = torch.arange(size, dtype=BITS[dtype.itemsize])
    given = numbers.view(dtype).view(block_size, 1, head_size)
    key, value = torch.empty(1, 1, 2 * block_size, head_size, dtype=dtype).chunk(2, dim=2)
    slots = torch.arange(block_size, dtype=torch.int64)
    ops.cpu_attn_reshape_and_cache(given, given, key, value, slots, isa)
    found = bits(key).flatten().long(), bits(value).flatten().long()
    for order in found:
        if not torch.equal(order.sort().values, torch.arange(size)):
            raise KernelError(f"vLLM's {isa} kernels store other numbers than they are given.")
    return found


def bits(values: Tensor) -> Tensor:
    """The same memory as integers."""
    return values.view(BITS[values.dtype.itemsize])


def tensor(array: Array) -> Tensor:
    """A tensor over the same memory; NumPy has no bfloat16 of its own, see `memory.mapped`."""
    if array.dtype.name in ("float16", "float32", "int32", "int64"):
        return torch.from_numpy(array)
    raw: Any = array.view(np.int16)
    return torch.from_numpy(raw).view(torch.bfloat16)


def dense(array: Array) -> Tensor:
    """A copy without gaps that begins at a multiple of 64 bytes, as vLLM's own hosts give them:
    the kernels neither look at the strides of what is no query, key or value, nor at addresses."""
    return tensor(np.ascontiguousarray(array)).clone()
