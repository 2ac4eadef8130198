"""Arrays with guard bands around them, and pools whose unused slots hold anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from conformance.outcomes import Failed
from conformance.targets.kernels.contract import Array
from fixtures.kernels.cases import Call
from fixtures.kernels.latents import LatentCall

_Call = TypeVar("_Call", bound=Call | LatentCall)

BAND = 4096
"""Bytes before and after an array."""
PATTERN = 0xA5


class Guarded:
    """An array in the middle of a buffer that is to stay as it is."""

    def __init__(self, array: Array) -> None:
        self._buffer: NDArray[np.uint8] = np.full(array.nbytes + 2 * BAND, PATTERN, np.uint8)
        inner = self._buffer[BAND : BAND + array.nbytes]
        self.array: Array = inner.view(array.dtype).reshape(array.shape)
        self.array[...] = array

    def check(self, name: str) -> None:
        """Raises Failed where a byte beside the array was written."""
        before, after = self._buffer[:BAND], self._buffer[-BAND:]
        touched = int((before != PATTERN).sum() + (after != PATTERN).sum())
        if touched:
            raise Failed(
                f"{touched} bytes beside {name} were written.", cause="It writes beside its arrays"
            )


ANYTHING: Mapping[str, tuple[float, ...]] = {
    "uint8": (0x00, 0x38, 0xFE, 0x7F, 0xFF),  # of E4M3: 0, 1, -448 and both NaN
    "int8": (0, 1, 127, -127, -128),
}
"""What memory of a dtype may hold; other dtypes are of floats."""
ANY_FLOAT = (0.0, 1.0, -1e4, math.inf, -math.inf, math.nan)


def anything(call: Call | LatentCall) -> tuple[float, ...]:
    """Numbers that a cache of this call may hold; 0 first."""
    return ANYTHING.get(call.caches[0].dtype.name, ANY_FLOAT)


def unused(call: Call | LatentCall) -> NDArray[np.bool_]:
    """Slots of the pool that no sequence has, [num_blocks, block_size]."""
    free = np.ones(call.caches[0].shape[:2], bool)
    for row, length in enumerate(call.named["seq_lens"]):
        free[slots(call, row, np.arange(length))] = False
    return free


def slots(call: Call | LatentCall, row: int, positions: Array) -> tuple[Array, Array]:
    """Where tokens of a sequence are: blocks and offsets."""
    block_size = call.caches[0].shape[1]
    return call.named["block_table"][row, positions // block_size], positions % block_size


def filled(call: _Call, number: float) -> _Call:
    """The same call with this number in every slot that no sequence has."""
    return written(call, unused(call), number)


def written(call: _Call, where: Any, number: float) -> _Call:
    """The same call with this number in some slots of every cache.

    Args:
        where: an index of [num_blocks, block_size].
    """
    caches = tuple(cache.copy() for cache in call.caches)
    for cache in caches:
        cache[where] = number
    return cast(_Call, call.with_caches(caches))


def passed(call: _Call, number: float) -> _Call:
    """The same call with this number in every slot that is before the windows of all queries."""
    query_lens = np.diff(call.named["query_start_loc"])
    for row, length in enumerate(call.named["seq_lens"]):
        first_seen = length - query_lens[row] - call.named["sliding_window"] + 1
        positions = np.arange(max(0, min(first_seen, length)))
        call = written(call, slots(call, row, positions), number)
    return call


def later(call: _Call, count: int, number: float) -> tuple[_Call, NDArray[np.int64]]:
    """The same call with this number in each sequence's last tokens; and the rows before these."""
    starts, rows = call.named["query_start_loc"], []
    for row, length in enumerate(call.named["seq_lens"]):
        positions = np.arange(max(0, length - count), length)
        call = written(call, slots(call, row, positions), number)
        rows.append(np.arange(starts[row], max(starts[row], starts[row + 1] - count)))
    return call, np.concatenate(rows).astype(np.int64)


def shuffled(call: _Call, seed: int) -> _Call:
    """The same call with its blocks elsewhere in the pool."""
    places = np.random.default_rng(seed).permutation(len(call.caches[0]))  # old id to new id
    back = np.argsort(places)
    table = places[call.named["block_table"]].astype(np.int32)
    moved = call.with_caches(tuple(cache[back] for cache in call.caches))
    return cast(_Call, replace(moved, named=call.named | {"block_table": table}))


def of_sequences(call: _Call, rows: list[int]) -> tuple[_Call, NDArray[np.int64]]:
    """The same call with these sequences, in this order; and the rows of `query` that they have."""
    starts = call.named["query_start_loc"]
    tokens = [np.arange(starts[row], starts[row + 1]) for row in rows]
    picked = np.concatenate(tokens).astype(np.int64)
    named = call.named | {
        "block_table": call.named["block_table"][rows],
        "seq_lens": call.named["seq_lens"][rows],
        "query_start_loc": np.cumsum([0, *map(len, tokens)], dtype=np.int32),
    }
    return replace(call, query=call.query[picked], named=named), picked


def chunks(call: _Call, size: int) -> list[_Call]:
    """A prefill of one whole sequence, this many tokens at a time."""
    length = len(call.query)
    found = []
    for first in range(0, length, size):
        end = min(first + size, length)
        named = call.named | {
            "seq_lens": np.array([end], np.int32),
            "query_start_loc": np.array([0, end - first], np.int32),
        }
        found.append(replace(call, query=call.query[first:end], named=named))
    return found


def strided(call: _Call) -> _Call:
    """The same call, each of whose arrays is a part of a larger one.

    Queries are columns of one product, caches are halves of a pool's rows, and the tables are of
    more sequences and longer ones.
    """
    query = np.concatenate([call.query] * 3, axis=1)
    num_heads = call.query.shape[1]
    pool = np.concatenate(call.caches * 2, axis=-1)
    size = call.caches[0].shape[-1]
    caches = tuple(pool[..., n * size : (n + 1) * size] for n in range(len(call.caches)))
    named = {
        name: _every_other(given) if isinstance(given, np.ndarray) else given
        for name, given in call.named.items()
    }
    parts = replace(call, query=query[:, num_heads : 2 * num_heads], named=named)
    return cast(_Call, parts.with_caches(caches))


def _every_other(array: Array) -> Array:
    """The same numbers with others between them, along every axis."""
    larger = np.full(tuple(2 * size for size in array.shape), 0x7A, array.dtype)
    view = larger[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def guarded(call: _Call) -> tuple[_Call, dict[str, Guarded]]:
    """The same call with guard bands around every array, and these by the arrays' names."""
    arrays = {"query": call.query}
    arrays |= dict(zip(names_of_caches(call), call.caches, strict=True))
    arrays |= {n: given for n, given in call.named.items() if isinstance(given, np.ndarray)}
    bands = {name: Guarded(array) for name, array in arrays.items()}
    named = {n: bands[n].array if n in bands else given for n, given in call.named.items()}
    inner = replace(call, query=bands["query"].array, named=named)
    caches = tuple(bands[name].array for name in names_of_caches(call))
    return cast(_Call, inner.with_caches(caches)), bands


def names_of_caches(call: Call | LatentCall) -> tuple[str, ...]:
    """What the contract calls them."""
    return ("latent_cache",) if isinstance(call, LatentCall) else ("key_cache", "value_cache")
