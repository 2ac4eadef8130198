"""PyTorch on the CPU: its own `scaled_dot_product_attention`, one sequence at a time.

Its flash kernel keeps logits and sums in float32 and rounds weights to the dtype of the values. It
takes a bias in that dtype too, and has no place for a soft cap: with slopes, sinks or a cap, all
is computed in float32. A sink is a key whose bias is the sink and whose value is 0.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from conformance.targets.kernels.contract import Array, KernelCapabilities

Tensor = torch.Tensor


class TorchKernels:
    """Tensors that share the arrays' memory: what is written to a cache is written to the array."""

    name = "torch"

    def capabilities(self) -> KernelCapabilities:
        return KernelCapabilities()

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
        slots = torch.from_numpy(slot_mapping)
        used = slots >= 0
        block, offset = slots[used] // key_cache.shape[1], slots[used] % key_cache.shape[1]
        for cache, tokens, scale in ((key_cache, key, k_scale), (value_cache, value, v_scale)):
            stored = quantised(tensor(tokens)[used], kv_cache_dtype, scale)
            tensor(cache)[block, offset] = stored

    def copy_blocks(self, key_cache: Array, value_cache: Array, block_mapping: Array) -> None:
        source, destination = torch.from_numpy(block_mapping).unbind(1)
        for cache in (tensor(key_cache), tensor(value_cache)):
            cache[destination] = cache[source]

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
        output = np.empty(query.shape, query.dtype)
        groups = query.shape[1] // key_cache.shape[2]
        wide = kv_cache_dtype != "auto"
        wide |= any(given is not None for given in (logits_soft_cap, sinks, alibi_slopes))
        for sequence, length in enumerate(map(int, seq_lens)):
            first, end = map(int, query_start_loc[sequence : sequence + 2])
            if first == end:
                continue
            start = length - (end - first)  # position of the first query
            # What no query sees is left out and not masked: a weight of 0 times infinity is NaN.
            begin = 0 if sliding_window is None else max(0, start - sliding_window + 1)
            blocks = torch.from_numpy(block_table[sequence].astype(np.int64))
            blocks = blocks[: -(-length // key_cache.shape[1])]
            q = tensor(query)[first:end].transpose(0, 1)  # [num_heads, num_queries, head_size]
            k, v = (
                worth(tensor(cache)[blocks], kv_cache_dtype, scale_of)
                .flatten(0, 1)[begin:length]
                .transpose(0, 1)
                .repeat_interleave(groups, dim=0)
                for cache, scale_of in ((key_cache, k_scale), (value_cache, v_scale))
            )  # [num_heads, num_keys, head_size]
            if wide:
                q, k, v = q.float(), k.float(), v.float()
            # Nor are infinities masked: with such keys each query is given those that it sees.
            finite = bool(k.isfinite().all() and v.isfinite().all())
            for low, high in [(start, length)] if finite else pairwise(range(start, length + 1)):
                near = begin if sliding_window is None else max(begin, low - sliding_window + 1)
                distance = torch.arange(low, high)[:, None] - torch.arange(near, high)
                found = _attention(
                    q[:, low - start : high - start],
                    k[:, near - begin : high - begin],
                    v[:, near - begin : high - begin],
                    distance,
                    distance >= 0
                    if sliding_window is None
                    else (distance >= 0) & (distance < sliding_window),
                    (scale, logits_soft_cap, sinks, alibi_slopes),
                    wide=wide,
                )
                rows = tensor(output)[first + low - start : first + high - start]
                rows[...] = found.transpose(0, 1).to(rows.dtype)
        return output

    def mla_attention(
        self, query: Array, latent_cache: Array, *, latent_size: int, **named: Any
    ) -> Array:
        """Its flash kernel wants values as long as keys: the rest of a row is cut off after."""
        cache = latent_cache[:, :, None]
        return self.paged_attention(query, cache, cache, **named)[..., :latent_size].copy()


def _attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    distance: Tensor,
    seen: Tensor,
    features: tuple[float, float | None, Array | None, Array | None],
    *,
    wide: bool,
) -> Tensor:
    """[num_heads, num_queries, head_size]; `features` are scale, cap, sinks and slopes."""
    scale, cap, sinks, slopes = features
    if not wide:
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):  # no other, which may round logits
            found: Tensor = scaled_dot_product_attention(
                q[None], k[None], v[None], seen[None, None], scale=scale
            )[0]
        return found
    bias = torch.zeros(len(q), *distance.shape).masked_fill(~seen, -torch.inf)
    if slopes is not None:
        bias -= tensor(slopes)[:, None, None] * distance
    if sinks is not None:
        sink = tensor(sinks)[:, None, None].expand(-1, q.shape[1], 1)
        bias = torch.cat([sink, bias], dim=-1)
        k, v = (torch.nn.functional.pad(array, (0, 0, 1, 0)) for array in (k, v))
    if cap is None:
        found = scaled_dot_product_attention(q[None], k[None], v[None], bias[None], scale=scale)[0]
        return found
    return (cap * torch.tanh(scale * q @ k.mT / cap) + bias).softmax(-1) @ v


def quantised(tokens: Tensor, kv_cache_dtype: str, scale: float) -> Tensor:
    """What a cache stores; E4M3 as its bytes."""
    if kv_cache_dtype == "auto":
        return tokens
    ratio = tokens.float() / scale
    if kv_cache_dtype == "int8":
        return ratio.round().clamp(-127, 127).to(torch.int8)
    return ratio.clamp(-448, 448).to(torch.float8_e4m3fn).view(torch.uint8)


def worth(stored: Tensor, kv_cache_dtype: str, scale: float) -> Tensor:
    """What a cache is worth, in float32 if it is quantised."""
    if kv_cache_dtype == "auto":
        return stored
    if kv_cache_dtype == "fp8":
        stored = stored.view(torch.float8_e4m3fn)
    return stored.float() * scale


def tensor(array: Array) -> Tensor:
    """A tensor over the same memory; NumPy's bfloat16 is not torch's."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(array)
