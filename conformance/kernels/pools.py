"""Pools between guard bands, for the operations that write to a cache."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conformance.kernels.memory import Guarded
from conformance.outcomes import Failed
from conformance.targets.kernels.contract import Array
from fixtures.kernels.writes import bits

NUM_BLOCKS, BLOCK_SIZE, NUM_KV_HEADS, HEAD_SIZE = SHAPE = (7, 16, 2, 64)
SLOTS = NUM_BLOCKS * BLOCK_SIZE


def pools(dtype: str) -> tuple[Array, Array]:
    """A key and a value cache of random bits."""
    return bits(SHAPE, dtype, seed=0), bits(SHAPE, dtype, seed=1)


class Pools:
    """A key and a value cache between guard bands.

    Attributes:
        caches: the two, to be written to.
    """

    def __init__(self, key_cache: Array, value_cache: Array, *, one_array: bool = False) -> None:
        """The bands lie around copies.

        Args:
            one_array: each block's keys and values follow one another, as FlashInfer has them, and
                the caches are views of that array.
        """
        if one_array:
            whole = Guarded(np.stack([key_cache, value_cache], axis=1))
            self._bands = {"the pool": whole}
            self.caches = (whole.array[:, 0], whole.array[:, 1])
        else:
            apart = Guarded(key_cache), Guarded(value_cache)
            self._bands = dict(zip(("key_cache", "value_cache"), apart, strict=True))
            self.caches = (apart[0].array, apart[1].array)

    def check(self, allowed: Sequence[Sequence[Array]], paste: object = None) -> None:
        """The caches hold what they should, bit for bit, and nothing beside them was written.

        Args:
            allowed: for each of the two what it may hold: each number is to be that of one.

        Raises:
            Failed: they do not; with the first slot that is wrong.
        """
        for name, band in self._bands.items():
            band.check(name)
        for name, cache, each in zip(
            ("key_cache", "value_cache"), self.caches, allowed, strict=True
        ):
            found = _numbers(cache)
            right = np.logical_or.reduce([found == _numbers(other) for other in each])
            wrong = np.flatnonzero(~right.all(axis=-1))
            if len(wrong):
                block, offset = divmod(int(wrong[0]), cache.shape[1])
                raise Failed(
                    f"{len(wrong)} of {len(found)} slots of {name} are not as they should be, the "
                    f"first at block {block}, offset {offset}.",
                    actual=None if paste is None else str(paste),
                    cause=f"{name} holds something else",
                )


def _numbers(cache: Array) -> Array:
    """The bits of each number as an integer, [slots, numbers of a token]."""
    found = np.ascontiguousarray(cache).view(f"u{cache.itemsize}")
    return found.reshape(cache.shape[0] * cache.shape[1], -1)
