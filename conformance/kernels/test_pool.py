"""Requirements on a pool of K/V blocks that is full."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from conformance.kernels import expect
from conformance.kernels.footprint import SETS, Sequences, footprint
from conformance.outcomes import Failed
from conformance.requirements import MUST, requirement
from conformance.targets.kernels.contract import Array, KernelLibrary
from fixtures.kernels.cases import NUMPY, Call, Case

CHUNK = 300
"""Tokens that are written by one call."""


@pytest.mark.parametrize("name", SETS)
@requirement(
    "kernels/pool/full",
    MUST,
    source="Kwon et al. 2023, sections 3.1 and 6.2: memory of the KV cache",
    profiles=("kernels",),
)
def test_full_pool(
    library: KernelLibrary, name: str, record_property: Callable[[str, object], None]
) -> None:
    """Sequences MUST be served from a pool that has not a block more than their tokens need.

    That is what paging is for: sequences of any length in a fraction of the memory that room for
    the longest would take. Every block counts then, the one with the number 0 too.
    """
    served = SETS[name]
    case = Case("bfloat16", served.lengths, (1,) * len(served.lengths), 4, 2)
    expect.offered(library, case)
    call = _written(library, case, served)
    expect.right(expect.output(library, call, case), call, case)
    found = footprint(name, served, (call.key_cache, call.value_cache))
    record_property("footprint", found.to_json())
    if found.pool_bytes >= found.contiguous_bytes:
        raise Failed(
            f"The pool has {found.pool_bytes} bytes; room for the longest would take "
            f"{found.contiguous_bytes}."
        )


def _written(library: KernelLibrary, case: Case, served: Sequences) -> Call:
    """Decode over a pool that the library itself has filled, some tokens at a time.

    Raises:
        Failed: it broke, or the pool is not as it should be.
    """
    random, kind = np.random.default_rng(1), NUMPY[case.dtype]
    token = case.num_kv_heads, case.head_size
    pool = (served.num_blocks, served.block_size, *token)
    caches = [np.full(pool, np.nan, kind) for _ in range(2)]
    table = served.block_table()
    slots = np.concatenate([_slots(served, row, table) for row in range(len(table))])
    for first in range(0, len(slots), CHUNK):
        mapping = slots[first : first + CHUNK]
        key, value = (random.standard_normal((len(mapping), *token)).astype(kind) for _ in range(2))
        write = partial(library.reshape_and_cache, key, value, caches[0], caches[1], mapping)
        expect.unbroken(write, case)
    missing = sum(
        int(np.isnan(cache.astype(np.float32)).any(axis=(2, 3)).sum()) for cache in caches
    )
    empty = 2 * (served.num_blocks * served.block_size - len(slots))
    if missing != empty:
        raise Failed(
            f"{missing - empty} of {2 * len(slots)} keys and values are not in the pool.",
            actual=str(case),
            cause="Tokens are lost",
        )
    query = random.standard_normal((len(table), case.num_heads, case.head_size)).astype(kind)
    named = {
        "block_table": table,
        "seq_lens": np.array(served.lengths, np.int32),
        "query_start_loc": np.arange(len(table) + 1, dtype=np.int32),
        "scale": case.head_size**-0.5,
    }
    return Call(query, caches[0], caches[1], named)


def _slots(served: Sequences, row: int, table: Array) -> Array:
    """Where the tokens of a sequence are written; of those that all share, by the first alone."""
    positions = np.arange(served.prefix if row else 0, served.lengths[row])
    blocks = table[row, positions // served.block_size].astype(np.int64)
    found: Array = blocks * served.block_size + positions % served.block_size
    return found
