"""Address spaces, arguments, atomics, function constants and templates (specification, chapters
4 and 5, sections 2.6 and 6.15)."""

from __future__ import annotations

import numpy as np
import pytest
from emulator_language import Case, array, check, run, same

# An int at 0, a float2 at 8: 16 bytes.
SETTINGS = np.zeros(
    1,
    {"names": ["offset", "scale"], "formats": ["i4", ("f4", 2)], "offsets": [0, 8], "itemsize": 16},
)
SETTINGS[0] = (10, (2, 0.5))

FLAT = np.arange(4 * 5 * 3)


def atomic(name: str, initial: object, expected: object, dtype: type) -> Case:
    """100 threads in threadgroups of 32 on one cell."""
    return Case(
        f"atomic_{name}",
        "6.15.4",
        array([expected], dtype),
        threads=100,
        threadgroup=32,
        initial=array([initial], dtype),
    )


CASES = [
    Case(
        "overloads_by_address_space",
        "4, 1.4.1",
        array([10, 12, 16, 200], np.int32),
        (array([5], np.int32), array([100], np.int32)),
    ),
    Case(
        "constant_reference_and_structure",
        "4.2",
        array([12.5, 14.5, 16.5]),
        (SETTINGS.view(np.uint8), array([1, 2, 3])),
        threads=3,
    ),
    # In threadgroup 2 the total is 200; every threadgroup has its own variables.
    Case(
        "threadgroup_variables_are_apart",
        "4.4",
        np.array([100 * g + i for g in range(3) for i in range(32)], np.int32),
        threads=96,
        threadgroup=32,
    ),
    Case(
        "thread_arrays",
        "4.3",
        array([1234, 2345, 3456], np.int32),
        (array([1, 2, 3, 4, 5, 6], np.int32),),
        threads=3,
    ),
    # Each thread compares its position in the grid with that of its threadgroup and within it.
    Case(
        "positions_3d",
        "5.2.3.6",
        np.arange(1, 25, dtype=np.uint32),
        threads=(4, 3, 2),
        threadgroup=(2, 3, 1),
    ),
    Case(
        "positions_narrow",
        "5.2.3.6",
        np.array([x * 100 + y for y in range(3) for x in range(5)], np.uint32),
        threads=(5, 3),
        threadgroup=(2, 2),
    ),
    # 100 by 7 by 1 threads in threadgroups of 48 by 2: 3 by 4 of them, the first one whole.
    Case(
        "sizes_of_the_dispatch",
        "5.2.3.6",
        array([100, 7, 1, 3, 4, 1, 48, 2, 1, 48, 2, 1, 32, 3], np.uint32),
        threads=(100, 7),
        threadgroup=(48, 2),
    ),
    Case(
        "indices_in_the_threadgroup",
        "4.4.1, 5.2.3.6",
        np.stack([FLAT, FLAT % 32, FLAT // 32, FLAT], axis=1).astype(np.uint32),
        threads=(5, 4, 3),
    ),
    Case(
        "indices_of_quadgroups",
        "4.4.1, 5.2.3.6",
        np.stack([np.arange(12) % 4, np.arange(12) // 4], axis=1).astype(np.uint32),
        threads=12,
    ),
    # 100 threads in threadgroups of 40: two whole ones with 2 simdgroups, one of 20 threads with 1.
    Case(
        "threadgroups_at_the_edge",
        "5.2.3.6",
        np.repeat([400402, 200401], [80, 20]).astype(np.uint32),
        threads=100,
        threadgroup=40,
    ),
    atomic("fetch_add", 7, 307, np.int32),
    atomic("fetch_sub", 300, 100, np.uint32),
    atomic("fetch_and", 0xABCDFFFF, 0xABCD0000, np.uint32),
    atomic("fetch_or", 0x80000000, 0x800FFFFF, np.uint32),
    atomic("fetch_xor", 0, np.bitwise_xor.reduce(np.arange(100)), np.uint32),
    atomic("fetch_min", 5, -99, np.int32),
    atomic("fetch_max", 5, 99, np.uint32),
    atomic("fetch_add_float", 1, 51, np.float32),
    atomic("bool_flag", False, True, np.bool_),
    atomic("ulong_max", 1, 99 << 33, np.uint64),
    # Non-negative floats are ordered as their bits are.
    Case(
        "atomic_maximum_of_floats",
        "2.20, 6.15.4",
        array([8.5]).view(np.uint32),
        (array([0.5, 8.5, 1e-3, 3]),),
        threads=4,
    ),
    Case(
        "atomic_in_threadgroup_memory",
        "2.6, 4.4",
        array([16, 32, 0, 16], np.uint32),
        (np.tile(array([0, 1, 5, 3], np.uint8), 16),),
        threads=64,
    ),
    Case("atomic_by_cast", "2.6", array([0, 50], np.uint32), threads=50, threadgroup=8),
    Case(
        "function_constants",
        "5.8",
        array([1, 14, 0.25]),
        constants={"use_bias": True, "width": 7, "scale": 0.25},
    ),
    Case(
        "scaled_float_3",
        "1.4.2",
        array([3, -4.5]),
        (array([1, -1.5]),),
        threads=2,
    ),
    Case(
        "scaled_short_7",
        "1.4.2",
        array([7, -14], np.int16),
        (array([1, -2], np.int16),),
        threads=2,
    ),
    Case("class_templates", "1.4.2", array([10, 1], np.int32), (array([1, 2, 3, 4], np.int32),)),
    Case("constexpr_if", "1.4.2", array([55, 144], np.int32)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_memory(case: Case) -> None:
    check(case)


def test_threadgroup_memory_as_an_argument() -> None:
    """Section 4.4: its length is set by the host, each argument has its own."""
    given = np.arange(64, dtype=np.int32)
    out = np.zeros_like(given)
    run("threadgroup_argument", [out, given], 64, threadgroup_memory=[64 * 4, 64 * 16])
    neighbour = given ^ 1
    same(out, neighbour * 10 + neighbour + 1, "threadgroup memory")


def test_function_constant_that_is_not_given() -> None:
    """Section 5.8: is_function_constant_defined tells, and it may be given by its index."""
    out = np.zeros(3, np.float32)
    run("function_constants", [out], constants={0: False, 1: -2})
    same(out, array([2, -4, -1]), "function constants")


def test_atomic_store_and_load() -> None:
    """Section 6.15.4: every thread has its own cell."""
    out, other = np.zeros(40, np.int32), np.arange(40, dtype=np.uint32)
    run("atomic_store_load", [out, other], 40)
    same(out, -np.arange(40, dtype=np.int32), "stored")
    same(other, np.arange(1, 41, dtype=np.uint32), "loaded and stored")


def test_fetch_returns_the_old_value() -> None:
    """Section 6.15.4.5: each of 100 threads draws its own ticket."""
    counter, taken = np.zeros(1, np.uint32), np.zeros(100, np.uint32)
    run("atomic_fetch_returns_the_old", [counter, taken], 100, 32)
    assert counter[0] == 100
    same(taken, np.ones(100, np.uint32), "tickets")


def test_exchange() -> None:
    """Section 6.15.4.3: the old value comes back."""
    cell, out = np.array([5], np.int32), np.zeros(2, np.int32)
    run("atomic_exchange", [cell, out])
    assert (cell[0], *out) == (8, 5, 7)


def test_compare_exchange() -> None:
    """Section 6.15.4.4: on failure `expected` becomes what the cell holds."""
    cell, out = np.array([4], np.uint32), np.zeros(3, np.uint32)
    run("atomic_compare_exchange", [cell, out])
    assert (cell[0], *out) == (40, 0, 4, 4)
