"""Kernel libraries that are each wrong in one way."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from conformance.targets.kernels.on_torch import TorchKernels
from reference.oracle import quantised


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


class PaddingBecomesZero(TorchKernels):
    """Changes the mapping that it is given."""

    def reshape_and_cache(self, key: Any, value: Any, keys: Any, values: Any, slots: Any) -> None:
        super().reshape_and_cache(key, value, keys, values, slots)
        np.maximum(slots, 0, out=slots)


class BitsAreNumbers(TorchKernels):
    """Copies through arithmetic, which keeps no NaN as it is."""

    def copy_blocks(self, keys: Any, values: Any, pairs: Any) -> None:
        for cache in (keys, values):
            with np.errstate(all="ignore"):
                cache[pairs[:, 1]] = (cache[pairs[:, 0]] * cache.dtype.type(1)).astype(cache.dtype)


class KeysOnly(TorchKernels):
    def copy_blocks(self, keys: Any, values: Any, pairs: Any) -> None:
        super().copy_blocks(keys, keys, pairs)


class WritesToACopy(TorchKernels):
    """Makes caches contiguous, and writes to what it made."""

    def reshape_and_cache(self, key: Any, value: Any, *caches: Any, **named: Any) -> None:
        packed = [np.ascontiguousarray(cache) for cache in caches[:2]]
        super().reshape_and_cache(key, value, *packed, caches[2], **named)

    def copy_blocks(self, keys: Any, values: Any, pairs: Any) -> None:
        super().copy_blocks(np.ascontiguousarray(keys), np.ascontiguousarray(values), pairs)


class CopiesNumbers(TorchKernels):
    """Copies what a cache of 8 bits is worth: all NaN are one, and there is no -128."""

    def copy_blocks(self, keys: Any, values: Any, pairs: Any) -> None:
        for cache in (keys, values):
            kind = {"uint8": "fp8", "int8": "int8"}[cache.dtype.name]
            worth = quantised.dequantise(cache[pairs[:, 0]], kind, 1.0)
            cache[pairs[:, 1]] = quantised.quantise(worth, kind, 1.0)


class Quantises(TorchKernels):
    """Writes to caches of 8 bits as `stored` says."""

    def stored(self, ratio: Any, kind: str) -> Any:
        raise NotImplementedError

    def reshape_and_cache(self, key: Any, value: Any, *rest: Any, **named: Any) -> None:
        keys, values, slots = rest
        for cache, tokens, scale in (
            (keys, key, named["k_scale"]),
            (values, value, named["v_scale"]),
        ):
            with np.errstate(all="ignore"):
                found = self.stored(tokens.astype(np.float64) / scale, named["kv_cache_dtype"])
            for token, slot in zip(found, slots, strict=True):
                if slot >= 0:
                    cache[slot // cache.shape[1], slot % cache.shape[1]] = token


class CutsOff(Quantises):
    """Rounds to 0."""

    def stored(self, ratio: Any, kind: str) -> Any:
        if kind == "int8":
            return np.clip(np.trunc(ratio), -127, 127).astype(np.int8)
        nearest = quantised.quantise(ratio, kind, 1.0)
        larger = np.abs(quantised.dequantise(nearest, kind, 1.0)) > np.abs(ratio)
        return nearest - larger.astype(np.uint8)


class TiesAway(Quantises):
    def stored(self, ratio: Any, kind: str) -> Any:
        away = ratio * (1 + 2.0**-20)
        return quantised.quantise(away, kind, 1.0)


class WrapsAround(Quantises):
    """Does not saturate: int8 wraps around, and E4M3 becomes NaN."""

    def stored(self, ratio: Any, kind: str) -> Any:
        if kind == "int8":
            whole = np.nan_to_num(np.rint(ratio), posinf=2.0**31, neginf=-(2.0**31))
            return whole.astype(np.int64).astype(np.int8)
        return np.clip(ratio, -1e4, 1e4).astype(ml_dtypes.float8_e4m3fn).view(np.uint8)


class NanSaturates(Quantises):
    def stored(self, ratio: Any, kind: str) -> Any:
        return quantised.quantise(np.nan_to_num(ratio, nan=448.0), kind, 1.0)


class ScalesSwapped(TorchKernels):
    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        if "k_scale" in named:
            named |= {"k_scale": named["v_scale"], "v_scale": named["k_scale"]}
        return super().paged_attention(*arrays, **named)

    def reshape_and_cache(self, *arrays: Any, **named: Any) -> None:
        if "k_scale" in named:
            named |= {"k_scale": named["v_scale"], "v_scale": named["k_scale"]}
        super().reshape_and_cache(*arrays, **named)


class OneAtATime(TorchKernels):
    """Does something to the arguments of each sequence."""

    def of_sequence(self, length: int, named: dict[str, Any]) -> None:
        raise NotImplementedError

    def paged_attention(self, query: Any, *caches: Any, **named: Any) -> Any:
        found, starts = [], named["query_start_loc"]
        for row, length in enumerate(named["seq_lens"]):
            own = named | {
                "block_table": named["block_table"][row : row + 1],
                "seq_lens": named["seq_lens"][row : row + 1].copy(),
                "query_start_loc": starts[row : row + 2] - starts[row],
            }
            self.of_sequence(int(length), own)
            rows = query[starts[row] : starts[row + 1]].copy()
            found.append(super().paged_attention(rows, *caches, **own))
        return np.concatenate(found)


class SinkInEachPart(OneAtATime):
    """Splits contexts into parts of 256 tokens, each with the sink."""

    def of_sequence(self, length: int, named: dict[str, Any]) -> None:
        if named.get("sinks") is not None:
            named["sinks"] = named["sinks"] + np.float32(np.log(-(-length // 256)))


class PartOfOneLost(OneAtATime):
    """A part of 256 tokens that has one token is left out."""

    def of_sequence(self, length: int, named: dict[str, Any]) -> None:
        if length > 256 and length % 256 == 1:
            named["seq_lens"] -= 1


class FullBlockLosesOne(OneAtATime):
    """The last token of a sequence that ends with its block is left out."""

    def of_sequence(self, length: int, named: dict[str, Any]) -> None:
        if length and length % 16 == 0 and named["query_start_loc"][-1] < length:
            named["seq_lens"] -= 1


class ChunkAtTheBeginning(OneAtATime):
    """A chunk of a prefill is taken for its beginning."""

    def of_sequence(self, length: int, named: dict[str, Any]) -> None:
        if named["query_start_loc"][-1] > 1:
            named["seq_lens"][:] = named["query_start_loc"][-1]


class EmptyBreaks(TorchKernels):
    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        if named["seq_lens"].max() == 0:
            raise ValueError("grid of size 0")
        return super().paged_attention(*arrays, **named)


class LogitsInHalf(TorchKernels):
    """Logits are float16 for a moment: the largest are infinite, and infinity less itself is no
    number."""

    def paged_attention(self, query: Any, keys: Any, *rest: Any, **named: Any) -> Any:
        output = super().paged_attention(query, keys, *rest, **named)
        size = np.nan_to_num(np.abs(keys.astype(np.float64))).mean() * query.shape[-1]
        peak = np.abs(query.astype(np.float64)).mean(axis=(1, 2)) * size * abs(named["scale"])
        output[peak > 65504] = np.nan
        return output


class HalfFlushed(TorchKernels):
    """Subnormal numbers of float16 count as 0."""

    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        smallest = np.finfo(np.float16).smallest_normal
        flushed = [np.where(np.abs(a) < smallest, a.dtype.type(0), a) for a in arrays]
        return super().paged_attention(*flushed, **named)


class SubnormalIsNormal(TorchKernels):
    """Has the bit in front of the fraction that subnormal numbers do not have."""

    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        wide = [array.astype(np.float32) for array in arrays]
        wrong = [
            np.where(
                (a != 0) & (np.abs(a) < 2.0**-126), a + np.copysign(np.float32(2.0**-126), a), a
            )
            for a in wide
        ]
        return super().paged_attention(*wrong, **named).astype(arrays[0].dtype)


class MaskedByWeight(TorchKernels):
    """What a token does not see has a weight of 0, and is multiplied by it."""

    def paged_attention(self, query: Any, keys: Any, values: Any, **named: Any) -> Any:
        output = super().paged_attention(query, keys, values, **named)
        kind = named.get("kv_cache_dtype", "auto")
        worth = quantised.dequantise(values, kind, named.get("v_scale", 1.0))
        starts = named["query_start_loc"]
        for row, length in enumerate(named["seq_lens"]):
            at = np.arange(length)
            blocks = named["block_table"][row, at // values.shape[1]]
            tokens = worth[blocks, at % values.shape[1]].astype(np.float32)
            with np.errstate(invalid="ignore"):
                extra = (0 * tokens).sum(axis=(0, 1)).astype(output.dtype)
            output[starts[row] : starts[row + 1]] += extra
        return output


class TableStridesIgnored(TorchKernels):
    """Reads a table of blocks as if its rows followed one another."""

    def paged_attention(self, query: Any, keys: Any, *rest: Any, **named: Any) -> Any:
        table = named["block_table"]
        strides = (4 * table.shape[1], 4)
        packed = np.lib.stride_tricks.as_strided(table, table.shape, strides).copy()
        named["block_table"] = (packed % len(keys)).astype(np.int32)
        return super().paged_attention(query, keys, *rest, **named)


class SharedBlocksOnce(TorchKernels):
    """Each block belongs to one sequence: to others its place is the one before."""

    def paged_attention(self, *arrays: Any, **named: Any) -> Any:
        table = named["block_table"].copy()
        taken: set[int] = set()
        for row in table:
            own = set(row.tolist())
            row[:] = [(block - 1) % len(arrays[1]) if block in taken else block for block in row]
            taken |= own
        return super().paged_attention(*arrays, **named | {"block_table": table})


class BlockZeroIsNobodys(TorchKernels):
    """Takes block 0 for padding."""

    def reshape_and_cache(self, key: Any, value: Any, *caches: Any, **named: Any) -> None:
        slots = caches[2]
        kept = np.where(slots < caches[0].shape[1], -1, slots)
        super().reshape_and_cache(key, value, *caches[:2], kept, **named)


class BlockZeroIsNotRead(TorchKernels):
    """Takes block 0 for padding, and reads the last one for it."""

    def paged_attention(self, query: Any, keys: Any, *rest: Any, **named: Any) -> Any:
        table = named["block_table"]
        named["block_table"] = np.where(table == 0, len(keys) - 1, table).astype(np.int32)
        return super().paged_attention(query, keys, *rest, **named)


class RopeLeftOut(TorchKernels):
    """Logits of latents alone."""

    def mla_attention(self, query: Any, cache: Any, **named: Any) -> Any:
        nope = query.copy()
        nope[..., named["latent_size"] :] = 0
        return super().mla_attention(nope, cache, **named)


class LatentFromTheEnd(TorchKernels):
    """Takes a row for [k_R ; c]."""

    def mla_attention(self, query: Any, cache: Any, **named: Any) -> Any:
        found = self.paged_attention(
            query,
            cache[:, :, None],
            cache[:, :, None],
            **{name: given for name, given in named.items() if name != "latent_size"},
        )
        return found[..., -named["latent_size"] :].copy()


class LatentWrites(TorchKernels):
    def mla_attention(self, query: Any, cache: Any, **named: Any) -> Any:
        output = super().mla_attention(query, cache, **named)
        cache[named["block_table"][0, 0], 0] += cache.dtype.type(1)
        return output


class DecodesLatents(TorchKernels):
    """Honestly has latents of one size, decode alone, and no caches of 8 bits."""

    def capabilities(self) -> Any:
        return {"features": ("mla", "grouped-heads"), "latent_sizes": [(512, 64)]}


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
