"""Pools and tokens for the operations that write to a cache: any bits at all."""

from __future__ import annotations

import math

import numpy as np

from conformance.kernels.memory import Guarded
from conformance.outcomes import Failed
from conformance.targets.kernels.contract import Array
from fixtures.kernels.cases import NUMPY

NUM_BLOCKS, BLOCK_SIZE, NUM_KV_HEADS, HEAD_SIZE = SHAPE = (7, 16, 2, 64)
SLOTS = NUM_BLOCKS * BLOCK_SIZE


def bits(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    """Random bits: subnormal numbers, infinities and NaN of every kind are among the numbers."""
    kind = np.dtype(NUMPY[dtype])
    drawn = np.random.default_rng(seed).bytes(math.prod(shape) * kind.itemsize)
    return np.frombuffer(drawn, kind).reshape(shape).copy()


class Pools:
    """A key and a value cache between guard bands, and what they should hold."""

    def __init__(self, dtype: str) -> None:
        self._guarded = {
            name: Guarded(bits(SHAPE, dtype, seed))
            for seed, name in enumerate(("key_cache", "value_cache"))
        }
        self.expected = [each.array.copy() for each in self._guarded.values()]

    @property
    def caches(self) -> tuple[Array, Array]:
        """Key cache and value cache."""
        key_cache, value_cache = (each.array for each in self._guarded.values())
        return key_cache, value_cache

    def check(self) -> None:
        """The caches hold what they should, bit for bit, and nothing beside them was written.

        Raises:
            Failed: they do not; with the first slot that is wrong.
        """
        for (name, guarded), expected in zip(self._guarded.items(), self.expected, strict=True):
            guarded.check(name)
            as_bytes = (array.view(np.uint8) for array in (guarded.array, expected))
            found, right = (array.reshape(SLOTS, -1) for array in as_bytes)
            wrong = np.flatnonzero((found != right).any(axis=-1))
            if len(wrong):
                block, offset = divmod(int(wrong[0]), BLOCK_SIZE)
                raise Failed(
                    f"{len(wrong)} of {SLOTS} slots of {name} are not as they should be, the first "
                    f"at block {block}, offset {offset}.",
                    cause=f"{name} holds something else",
                )
