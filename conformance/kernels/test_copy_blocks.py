"""Requirements on `copy_blocks`."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.kernels import expect
from conformance.kernels.pools import NUM_BLOCKS, Pools
from conformance.outcomes import Absent
from conformance.requirements import MUST, requirement
from conformance.targets.kernels.contract import KernelLibrary, capabilities_of
from fixtures.kernels import DTYPES

PAIRS = {
    "one": [[0, 3]],
    "first-to-last": [[0, NUM_BLOCKS - 1]],
    "last-to-first": [[NUM_BLOCKS - 1, 0]],
    "one-to-many": [[2, 0], [2, 5], [2, 6]],
    "many": [[0, 4], [1, 5], [2, 6]],
    "none": [],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pairs", PAIRS.values(), ids=PAIRS)
@requirement(
    "kernels/copy-blocks/pairs",
    MUST,
    source="vLLM: copy_blocks; Kwon et al. 2023, section 4.4",
    profiles=("kernels",),
)
def test_pairs(library: KernelLibrary, dtype: str, pairs: list[list[int]]) -> None:
    """Each block MUST be copied whole, keys and values bit for bit, and no other block changed.

    Sequences part where one of them writes; until then they read the same block.
    """
    expect.copies(library)
    if dtype not in capabilities_of(library).dtypes:
        raise Absent(f"{library.name} says of itself: no kernels for {dtype}.")
    mapping = np.array(pairs, np.int64).reshape(-1, 2)
    pools = Pools(dtype)
    for cache in pools.expected:
        cache[mapping[:, 1]] = cache[mapping[:, 0]]
    expect.unbroken(lambda: library.copy_blocks(*pools.caches, mapping), pairs)
    pools.check()
