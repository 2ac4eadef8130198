"""Arrays with guard bands around them, and pools whose unused slots hold anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from conformance.outcomes import Failed
from conformance.targets.kernels.contract import Array
from fixtures.kernels.cases import Call

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


def unused(call: Call) -> NDArray[np.bool_]:
    """Slots of the pool that no sequence has, [num_blocks, block_size]."""
    num_blocks, block_size = call.key_cache.shape[:2]
    free = np.ones((num_blocks, block_size), bool)
    for blocks, length in zip(call.named["block_table"], call.named["seq_lens"], strict=True):
        positions = np.arange(length)
        free[blocks[positions // block_size], positions % block_size] = False
    return free


def filled(call: Call, number: float) -> Call:
    """The same call with this number in every slot that no sequence has."""
    free = unused(call)
    caches = [call.key_cache.copy(), call.value_cache.copy()]
    for cache in caches:
        cache[free] = number
    return replace(call, key_cache=caches[0], value_cache=caches[1])


def passed(call: Call, number: float) -> Call:
    """The same call with this number in every slot that is before the windows of all queries."""
    block_size, window = call.key_cache.shape[1], call.named["sliding_window"]
    query_lens = np.diff(call.named["query_start_loc"])
    caches = [call.key_cache.copy(), call.value_cache.copy()]
    for row, length in enumerate(call.named["seq_lens"]):
        first_seen = length - query_lens[row] - window + 1
        positions = np.arange(max(0, min(first_seen, length)))
        blocks = call.named["block_table"][row, positions // block_size]
        for cache in caches:
            cache[blocks, positions % block_size] = number
    return replace(call, key_cache=caches[0], value_cache=caches[1])


def shuffled(call: Call, seed: int) -> Call:
    """The same call with its blocks elsewhere in the pool."""
    places = np.random.default_rng(seed).permutation(len(call.key_cache))  # old id to new id
    back = np.argsort(places)
    table = places[call.named["block_table"]].astype(np.int32)
    return replace(
        call,
        key_cache=call.key_cache[back],
        value_cache=call.value_cache[back],
        named=call.named | {"block_table": table},
    )


def of_sequences(call: Call, rows: list[int]) -> tuple[Call, NDArray[np.int64]]:
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


def chunks(call: Call, size: int) -> list[Call]:
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
