"""What is written to the cache is what is read, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.kernels.cases import NUMPY
from reference.oracle.cache import copy_blocks, reshape_and_cache
from reference.oracle.paged import gather


def pools(dtype: str = "float32", blocks: int = 6, block_size: int = 4):
    random = np.random.default_rng(3)
    shape = (blocks, block_size, 2, 8)
    return [random.standard_normal(shape).astype(NUMPY[dtype]) for _ in range(2)]


@given(st.data())
def test_tokens_lie_where_the_slots_say(data):
    slots = data.draw(st.lists(st.integers(0, 23), unique=True, max_size=24))
    padding = data.draw(st.integers(0, 3))
    slot_mapping = np.array(data.draw(st.permutations(slots + [-1] * padding)), np.int64)
    key_cache, value_cache = pools()
    before = key_cache.copy(), value_cache.copy()
    key, value = (
        np.random.default_rng(n).standard_normal((len(slot_mapping), 2, 8)).astype(np.float32)
        for n in (1, 2)
    )
    reshape_and_cache(key, value, key_cache, value_cache, slot_mapping)
    for cache, new, old in zip((key_cache, value_cache), (key, value), before, strict=True):
        flat, was = cache.reshape(24, 2, 8), old.reshape(24, 2, 8)
        for slot in range(24):
            (token,) = np.flatnonzero(slot_mapping == slot)[:1] if slot in slots else (None,)
            assert np.array_equal(flat[slot], was[slot] if token is None else new[token])


@pytest.mark.parametrize("dtype", NUMPY)
def test_a_sequence_is_read_as_it_was_written(dtype):
    key_cache, value_cache = pools(dtype)
    table = np.array([4, 1, 5], np.int32)
    key, value = (
        np.random.default_rng(n).standard_normal((10, 2, 8)).astype(NUMPY[dtype]) for n in (1, 2)
    )
    slots = np.array([table[j // 4] * 4 + j % 4 for j in range(10)], np.int64)
    for token in range(10):  # as decoding does: one at a time
        one = slice(token, token + 1)
        reshape_and_cache(key[one], value[one], key_cache, value_cache, slots[one])
    assert gather(key_cache, table, 10).tobytes() == key.tobytes()
    assert gather(value_cache, table, 10).tobytes() == value.tobytes()


def test_blocks_are_copied_whole_and_no_other_changes():
    key_cache, value_cache = pools()
    before = key_cache.copy(), value_cache.copy()
    copy_blocks(key_cache, value_cache, np.array([[0, 3], [0, 5], [2, 1]], np.int64))
    for cache, old in zip((key_cache, value_cache), before, strict=True):
        assert np.array_equal(cache, old[[0, 2, 2, 0, 4, 0]])


def test_nothing_to_copy():
    key_cache, value_cache = pools()
    before = key_cache.copy()
    copy_blocks(key_cache, value_cache, np.empty((0, 2), np.int64))
    assert np.array_equal(key_cache, before)
