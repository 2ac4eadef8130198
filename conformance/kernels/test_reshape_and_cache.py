"""Requirements on `reshape_and_cache`."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.kernels import expect
from conformance.kernels.pools import BLOCK_SIZE, HEAD_SIZE, NUM_KV_HEADS, SLOTS, Pools, bits
from conformance.outcomes import Absent
from conformance.requirements import MUST, requirement
from conformance.targets.kernels.contract import Array, KernelLibrary, capabilities_of
from fixtures.kernels import DTYPES

SOURCE = "vLLM: reshape_and_cache; Kwon et al. 2023, section 4.3"

SLOT_LISTS = {
    "one-token": [37],
    "a-sequence": list(range(20, 45)),
    "ends-of-blocks": [BLOCK_SIZE - 1, BLOCK_SIZE, 2 * BLOCK_SIZE - 1, 0, SLOTS - 1],
    "anywhere": np.random.default_rng(0).permutation(SLOTS)[:50].tolist(),
    "every-slot": np.random.default_rng(1).permutation(SLOTS).tolist(),
    "padding": [-1, 5, -1, 6, -1, -1],
    "only-padding": [-1, -1, -1],
    "no-token": [],
}
slot_lists = pytest.mark.parametrize("slots", SLOT_LISTS.values(), ids=SLOT_LISTS)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def written(library: KernelLibrary, dtype: str, slots: list[int], *, fused: bool = False) -> None:
    """Writes tokens to slots, and compares every bit of both caches."""
    if dtype not in capabilities_of(library).dtypes:
        raise Absent(f"{library.name} says of itself: no kernels for {dtype}.")
    mapping = np.array(slots, np.int64)
    both = bits((len(slots), 2 * NUM_KV_HEADS, HEAD_SIZE), dtype, seed=2)
    key, value = both[:, :NUM_KV_HEADS], both[:, NUM_KV_HEADS:]
    if not fused:
        key, value = key.copy(), value.copy()
    pools = Pools(dtype)
    for cache, tokens in zip(pools.expected, (key, value), strict=True):
        _write(cache, tokens, slots)
    expect.unbroken(lambda: library.reshape_and_cache(key, value, *pools.caches, mapping), slots)
    pools.check()


def _write(cache: Array, tokens: Array, slots: list[int]) -> None:
    for token, slot in zip(tokens, slots, strict=True):
        if slot >= 0:
            cache[slot // BLOCK_SIZE, slot % BLOCK_SIZE] = token


@dtypes
@slot_lists
@requirement("kernels/reshape-and-cache/slots", MUST, source=SOURCE, profiles=("kernels",))
def test_slots(library: KernelLibrary, dtype: str, slots: list[int]) -> None:
    """Each token's key and value MUST be written to its slot bit for bit, and nothing else changed.

    A slot beside it is another person's token. Slot -1 is padding, and -1 as an index is the last
    slot of the pool.
    """
    written(library, dtype, slots)


@dtypes
@requirement("kernels/reshape-and-cache/strided", MUST, source=SOURCE, profiles=("kernels",))
def test_strided(library: KernelLibrary, dtype: str) -> None:
    """Keys and values that are parts of one fused projection MUST be written as any others.

    Models compute them in one product and hand out views of it.
    """
    written(library, dtype, SLOT_LISTS["anywhere"], fused=True)
