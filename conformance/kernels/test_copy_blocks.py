"""Requirements on `copy_blocks`."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.kernels import expect
from conformance.kernels.pools import NUM_BLOCKS, Pools, pools
from conformance.requirements import MUST, requirement
from conformance.targets.kernels.contract import KernelLibrary, capabilities_of
from fixtures.kernels import DTYPES
from fixtures.kernels.writes import Write
from reference.oracle import cache as oracle
from reference.oracle.arguments import STORED

PAIRS = {
    "one": [[0, 3]],
    "first-to-last": [[0, NUM_BLOCKS - 1]],
    "last-to-first": [[NUM_BLOCKS - 1, 0]],
    "one-to-many": [[2, 0], [2, 5], [2, 6]],
    "many": [[0, 4], [1, 5], [2, 6]],
    "none": [],
}
SOURCE = "vLLM: copy_blocks; Kwon et al. 2023, section 4.4"


def copied(
    library: KernelLibrary, dtype: str, pairs: list[list[int]], *, one_array: bool = False
) -> None:
    """Copies blocks of caches of a dtype, and compares every bit of both."""
    mapping = np.array(pairs, np.int64).reshape(-1, 2)
    right = pools(dtype)
    found = Pools(*right, one_array=one_array)
    oracle.copy_blocks(*right, mapping)
    expect.unbroken(lambda: library.copy_blocks(*found.caches, mapping), pairs)
    found.check([[cache] for cache in right])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pairs", PAIRS.values(), ids=PAIRS)
@requirement("kernels/copy-blocks/pairs", MUST, source=SOURCE, profiles=("kernels",))
def test_pairs(library: KernelLibrary, dtype: str, pairs: list[list[int]]) -> None:
    """Each block MUST be copied whole, keys and values bit for bit, and no other block changed.

    Sequences part where one of them writes; until then they read the same block.
    """
    expect.copies(library)
    expect.stores(library, Write(dtype, ()))
    copied(library, dtype, pairs)


@pytest.mark.parametrize("kv_cache_dtype", STORED)
@requirement("kernels/copy-blocks/quantised", MUST, source=SOURCE, profiles=("kernels",))
def test_copies_of_8_bits(library: KernelLibrary, kv_cache_dtype: str) -> None:
    """Blocks of quantised caches MUST be copied as they are, byte for byte.

    Their scales are of the whole cache: there is nothing to convert.
    """
    expect.copies(library)
    computed = min(capabilities_of(library).dtypes)  # any: tokens are not asked for here
    expect.stores(library, Write(computed, (), kv_cache_dtype=kv_cache_dtype))
    for pairs in PAIRS.values():
        copied(library, STORED[kv_cache_dtype], pairs)


@pytest.mark.parametrize("dtype", DTYPES)
@requirement("kernels/copy-blocks/views", MUST, source="PyTorch: strides", profiles=("kernels",))
def test_copies_in_views(library: KernelLibrary, dtype: str) -> None:
    """Caches that are parts of one array MUST be copied in as any others.

    Some engines keep a block's values behind its keys, and hand out two views of that.
    """
    expect.copies(library)
    expect.stores(library, Write(dtype, ()))
    for pairs in PAIRS.values():
        copied(library, dtype, pairs, one_array=True)
