"""Kernel libraries that are each wrong in one way."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from conformance.targets.kernels.on_torch import TorchKernels


class WindowOneTooLong(TorchKernels):
    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        if named.get("sliding_window"):
            named["sliding_window"] += 1
        return super().paged_attention(*arrays, **named)


class SinksTwice(TorchKernels):
    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        if (sinks := named.get("sinks")) is not None:
            named["sinks"] = sinks + np.float32(np.log(2))
        return super().paged_attention(*arrays, **named)


class CapIgnored(TorchKernels):
    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        return super().paged_attention(*arrays, **named | {"logits_soft_cap": None})


class HeadsInterleaved(TorchKernels):
    """Head h reads K/V head h mod their number, where it should be h divided by the group."""

    def paged_attention(self, query: Any, *caches: Any, **named: Any) -> Any:
        num_heads, num_kv_heads = query.shape[1], caches[0].shape[2]
        order = np.arange(num_heads).reshape(-1, num_kv_heads).T.reshape(-1)
        each = {n: a[order] for n, a in named.items() if n in ("sinks", "alibi_slopes")}
        output = super().paged_attention(query[:, order].copy(), *caches, **named | each)
        return output[:, np.argsort(order)].copy()


class QueryRounded(TorchKernels):
    """The query is scaled in its own dtype."""

    def paged_attention(self, query: Any, *caches: Any, **named: Any) -> Any:
        scaled = (query.astype(np.float32) * np.float32(named["scale"])).astype(query.dtype)
        return super().paged_attention(scaled, *caches, **named | {"scale": 1.0})


class LastBlockWhole(TorchKernels):
    """What lies in the last block beyond the end has a weight of 0, and is multiplied by it."""

    def paged_attention(self, query: Any, keys: Any, values: Any, **named: Any) -> Any:
        output = super().paged_attention(query, keys, values, **named)
        starts = named["query_start_loc"]
        for row, length in enumerate(named["seq_lens"]):
            if length:
                last = named["block_table"][row, (length - 1) // values.shape[1]]
                rest = values[last, (length - 1) % values.shape[1] + 1 :].astype(np.float32)
                with np.errstate(invalid="ignore"):
                    extra = (0 * rest).sum(axis=(0, 1)).astype(output.dtype)
                output[starts[row] : starts[row + 1]] += extra
        return output


class FirstOfCallOnly(TorchKernels):
    """All sequences are taken to be as long as the first of the call."""

    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        lengths = named["seq_lens"].copy()
        lengths[1:] = np.clip(lengths[1:], None, max(1, lengths[0]))
        room = np.maximum(lengths, np.diff(named["query_start_loc"]))
        return super().paged_attention(*arrays, **named | {"seq_lens": room.astype(np.int32)})


class Truncated(TorchKernels):
    """Cuts the last bits off where it should round."""

    def paged_attention(self, query: Any, *caches: Any, **named: Any) -> Any:
        wide = [array.astype(np.float32) for array in (query, *caches)]
        found = super().paged_attention(*wide, **named)
        bits = {"float16": 13, "bfloat16": 16, "float32": 0}[query.dtype.name]
        return (found.view(np.uint32) >> bits << bits).view(np.float32).astype(query.dtype)


class BfloatInside(TorchKernels):
    """Computes in bfloat16 whatever it is given."""

    def paged_attention(self, query: Any, *caches: Any, **named: Any) -> Any:
        narrow = [array.astype(ml_dtypes.bfloat16) for array in (query, *caches)]
        return super().paged_attention(*narrow, **named).astype(query.dtype)


class PlaceMatters(TorchKernels):
    """The result depends a little on where the first block lies."""

    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        place = 1 + 2.0**-10 * (named["block_table"][0, 0] % 2)
        return super().paged_attention(*arrays, **named | {"scale": named["scale"] * place})


class NormaliserPadded(TorchKernels):
    """Divides by a sum to which something was added against 0."""

    def paged_attention(self, query: Any, *caches: Any, **named: Any) -> Any:
        output = super().paged_attention(query, *caches, **named).astype(np.float32)
        return (output / np.float32(1.01)).astype(query.dtype)


class StridesIgnored(TorchKernels):
    """Reads from the first number of a view on, as if it were no view."""

    def paged_attention(self, query: Any, *caches: Any, **named: Any) -> Any:
        size = query.itemsize
        strides = tuple(size * int(np.prod(query.shape[n + 1 :])) for n in range(query.ndim))
        packed = np.lib.stride_tricks.as_strided(query, query.shape, strides).copy()
        return super().paged_attention(packed, *caches, **named)


class NeverTheSame(TorchKernels):
    """Each call has another order of summation."""

    calls = 0

    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        self.calls += 1
        scale = named["scale"] * (1 + 2.0**-10 * (self.calls % 2))
        return super().paged_attention(*arrays, **named | {"scale": scale})


class WritesBeside(TorchKernels):
    """One number too many, behind the query."""

    def paged_attention(self, query: Any, *caches: Any, **named: Any) -> Any:
        beyond = np.lib.stride_tricks.as_strided(query.reshape(-1), (query.size + 1,))
        beyond[-1] = 0
        return super().paged_attention(query, *caches, **named)


class WritesItsCache(TorchKernels):
    def paged_attention(self, query: Any, keys: Any, values: Any, **named: Any) -> Any:
        output = super().paged_attention(query, keys, values, **named)
        values[named["block_table"][0, 0], 0] += values.dtype.type(1)
        return output


class PaddingIsTheLastSlot(TorchKernels):
    def reshape_and_cache(self, key: Any, value: Any, keys: Any, values: Any, slots: Any) -> None:
        whole = np.where(slots < 0, keys.shape[0] * keys.shape[1] - 1, slots)
        super().reshape_and_cache(key, value, keys, values, whole)


class ValuesAreKeys(TorchKernels):
    def reshape_and_cache(self, key: Any, value: Any, keys: Any, values: Any, slots: Any) -> None:
        super().reshape_and_cache(key, key, keys, values, slots)


class BitsAreNumbers(TorchKernels):
    """Copies through arithmetic, which keeps no NaN as it is."""

    def copy_blocks(self, keys: Any, values: Any, pairs: Any) -> None:
        for cache in (keys, values):
            with np.errstate(all="ignore"):
                cache[pairs[:, 1]] = (cache[pairs[:, 0]] * cache.dtype.type(1)).astype(cache.dtype)


class KeysOnly(TorchKernels):
    def copy_blocks(self, keys: Any, values: Any, pairs: Any) -> None:
        super().copy_blocks(keys, keys, pairs)


class Crashes(TorchKernels):
    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        raise RuntimeError("Metal: command buffer 7 failed")


class SaysLess(TorchKernels):
    """Honestly has no window, and no bfloat16."""

    def capabilities(self) -> Any:
        return {
            "dtypes": ("float16", "float32"),
            "features": ("grouped-heads", "prefill", "sinks", "alibi", "logits-soft-cap"),
        }
