"""Requirements on `reshape_and_cache`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conformance.kernels import expect, generated
from conformance.kernels.pools import BLOCK_SIZE, SLOTS, Pools
from conformance.outcomes import Failed
from conformance.requirements import MUST, requirement
from conformance.targets.kernels.contract import KernelLibrary, capabilities_of
from fixtures.kernels import DTYPES
from fixtures.kernels.generated import writes
from fixtures.kernels.writes import Write, WriteCall
from reference.oracle.arguments import STORED

SOURCE = "vLLM: reshape_and_cache; Kwon et al. 2023, section 4.3"
QUANTISED = "OCP 8-bit floating point specification 2023; Jacob et al. 2018; reference/oracle"

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


def written(
    library: KernelLibrary, write: Write, call: WriteCall, *, one_array: bool = False
) -> None:
    """Writes tokens to slots, and compares every bit of both caches."""
    pools = Pools(call.key_cache, call.value_cache, one_array=one_array)
    given = {"key": call.key, "value": call.value, "slot_mapping": call.slot_mapping}
    before = {name: array.tobytes() for name, array in given.items()}
    expect.unbroken(
        lambda: library.reshape_and_cache(
            call.key, call.value, *pools.caches, call.slot_mapping, **call.named
        ),
        write,
    )
    for name, array in given.items():
        if array.tobytes() != before[name]:
            raise Failed(f"reshape_and_cache changed its argument {name}.", actual=str(write))
    pools.check(write.expected(call), write)


def written_by(library: KernelLibrary, write: Write) -> None:
    """The same with the arrays of the case, where the library has such caches."""
    expect.stores(library, write)
    written(library, write, write.call())


@dtypes
@slot_lists
@requirement("kernels/reshape-and-cache/slots", MUST, source=SOURCE, profiles=("kernels",))
def test_slots(library: KernelLibrary, dtype: str, slots: list[int]) -> None:
    """Each token's key and value MUST be written to its slot bit for bit, and nothing else changed.

    A slot beside it is another person's token. Slot -1 is padding, and -1 as an index is the last
    slot of the pool.
    """
    written_by(library, Write(dtype, tuple(slots)))


@dtypes
@requirement("kernels/reshape-and-cache/any-slots", MUST, source=SOURCE, profiles=("kernels",))
def test_any_slots(library: KernelLibrary, dtype: str) -> None:
    """Tokens of any shape MUST be written right to any slots, in each kind of cache that there is.

    What is wrong is shrunk to the smallest call that still is.
    """
    said = capabilities_of(library).features
    kinds = ("auto", *(kind for kind in STORED if f"{kind}-kv-cache" in said))
    found = writes(dtypes=(dtype,), kv_cache_dtypes=kinds)
    generated.every(library, found, 60, lambda w: written(library, w, w.call()), expect.stores)


@dtypes
@requirement("kernels/reshape-and-cache/strided", MUST, source=SOURCE, profiles=("kernels",))
def test_strided(library: KernelLibrary, dtype: str) -> None:
    """Keys and values that are parts of one fused projection MUST be written as any others.

    Models compute them in one product and hand out views of it; and a pool may be one array of
    which both caches are views.
    """
    write = Write(dtype, tuple(SLOT_LISTS["anywhere"]))
    expect.stores(library, write)
    call = write.call()
    fused = np.concatenate([call.key, call.value], axis=1)
    key, value = fused[:, : write.num_kv_heads], fused[:, write.num_kv_heads :]
    mapping = np.repeat(call.slot_mapping, 2)[::2]
    for one_array in (False, True):
        parts = replace(call, key=key, value=value, slot_mapping=mapping)
        written(library, write, parts, one_array=one_array)


@pytest.mark.parametrize("scale", [1.0, 2.0**-6, 0.013])
@dtypes
@pytest.mark.parametrize("kv_cache_dtype", STORED)
@requirement("kernels/reshape-and-cache/quantised", MUST, source=QUANTISED, profiles=("kernels",))
def test_quantised(library: KernelLibrary, kv_cache_dtype: str, dtype: str, scale: float) -> None:
    """Each number MUST be stored as the nearest that there is, ties to even, the ends saturating.

    What is cut off instead is on average a step too small, in every layer, and a number that wraps
    around has the other sign. Where a quotient in float32 cannot tell a tie, either side is right.
    """
    slots = tuple(SLOT_LISTS["anywhere"] + SLOT_LISTS["padding"][:1])
    # Scales of keys and values differ, or one that is taken for the other would not be seen.
    write = Write(dtype, slots, kv_cache_dtype=kv_cache_dtype, k_scale=scale, v_scale=scale * 2.5)
    written_by(library, write)
