"""Every library writes to the cache what the oracle writes, bit for bit and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.kernels import ArgumentError
from fixtures.kernels.cases import NUMPY
from reference.oracle import cache as oracle

SHAPE = (7, 8, 2, 16)
SLOTS = SHAPE[0] * SHAPE[1]


def pools(dtype):
    """Any bits at all: subnormal numbers, infinities and NaN of every kind among them."""
    random = np.random.default_rng(4)
    size = np.dtype(NUMPY[dtype]).itemsize
    return [
        np.frombuffer(random.bytes(int(np.prod(SHAPE)) * size), NUMPY[dtype]).reshape(SHAPE).copy()
        for _ in range(2)
    ]


def tokens(dtype, count):
    random = np.random.default_rng(5)
    return [random.standard_normal((count, *SHAPE[2:])).astype(NUMPY[dtype]) for _ in range(2)]


def same(ours, theirs):
    return all(a.tobytes() == b.tobytes() for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("dtype", NUMPY)
def test_writing(library, dtype):
    @given(st.lists(st.integers(0, SLOTS - 1), unique=True, max_size=20), st.integers(0, 3))
    def holds(slots, padding):
        mapping = np.array(slots + [-1] * padding, np.int64)
        mapping = np.random.default_rng(6).permutation(mapping)
        new, found, right = tokens(dtype, len(mapping)), pools(dtype), pools(dtype)
        oracle.reshape_and_cache(*new, *right, mapping)
        library.reshape_and_cache(*new, *found, mapping)
        assert same(found, right)

    holds()


@pytest.mark.parametrize("dtype", NUMPY)
def test_copying(library, dtype):
    @given(st.permutations(range(SHAPE[0])), st.integers(0, 6), st.integers(1, 6))
    def holds(order, pairs, sources):
        destinations, others = order[:pairs], order[pairs:]
        froms = [others[n % min(sources, len(others))] for n in range(pairs)]
        mapping = np.array([froms, destinations], np.int64).T.reshape(-1, 2)
        found, right = pools(dtype), pools(dtype)
        oracle.copy_blocks(*right, mapping)
        library.copy_blocks(*found, mapping)
        assert same(found, right)

    holds()


def test_what_is_refused_writes_nothing(library):
    found = pools("float32")
    new = tokens("float32", 2)
    with pytest.raises(ArgumentError):
        library.reshape_and_cache(*new, *found, np.array([0, SLOTS]))
    with pytest.raises(ArgumentError):
        library.copy_blocks(*found, np.array([[0, 1], [2, SHAPE[0]]]))
    assert same(found, pools("float32"))
