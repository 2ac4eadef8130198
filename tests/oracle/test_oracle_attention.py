"""The oracle against PyTorch in float64, which was written by others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.goldens.kernels.in_torch import attention
from fixtures.kernels.cases import Call, Case
from fixtures.kernels.generated import cases
from reference.oracle.attention import Features, attend, logsumexp
from reference.oracle.paged import each_query, paged_attention


def ours(call: Call) -> np.ndarray:
    return paged_attention(call.query, call.key_cache, call.value_cache, **call.named)


@given(cases(head_sizes=(8, 16), longest=40))
def test_any_case_is_what_torch_computes(case):
    np.testing.assert_allclose(ours(case.call()), attention(case.call()), rtol=0, atol=1e-12)


def test_blocks_may_lie_anywhere():
    case = Case("float32", (40, 33), (3, 33), seed=1)
    call = case.call()
    order = np.random.default_rng(2).permutation(len(call.key_cache))
    moved = replace(
        call,
        key_cache=call.key_cache[np.argsort(order)],
        value_cache=call.value_cache[np.argsort(order)],
        named=call.named | {"block_table": order[call.named["block_table"]].astype(np.int32)},
    )
    assert np.array_equal(ours(call), ours(moved))


def test_the_same_keys_in_chunks_and_in_one_piece():
    case = Case("float32", (45,), (45,), sliding_window=11, num_kv_heads=2)
    call = case.call()
    whole, parts = ours(call), []
    for first, end in ((0, 7), (7, 32), (32, 45)):
        named = call.named | {
            "seq_lens": np.array([end], np.int32),
            "query_start_loc": np.array([0, end - first], np.int32),
        }
        parts.append(ours(replace(call, query=call.query[first:end], named=named)))
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-14)


def test_what_a_query_does_not_see_may_be_anything():
    case = Case("float32", (40,), (5,), sliding_window=8, block_size=8)
    call = case.call()
    block_table = call.named["block_table"][0]
    hostile = replace(call, key_cache=call.key_cache.copy(), value_cache=call.value_cache.copy())
    for position in range(28):  # the first query is at 35 and sees 28 to 35
        at = block_table[position // 8], position % 8
        hostile.key_cache[at], hostile.value_cache[at] = np.inf, np.nan
    assert np.isfinite(ours(call)).all()
    assert np.array_equal(ours(call), ours(hostile))
    # The last key is seen by the last query alone.
    hostile.value_cache[block_table[4], 7] = np.inf
    assert np.isfinite(ours(hostile)[:4]).all()
    assert not np.isfinite(ours(hostile)[4]).any()


def test_weights_are_shares_and_the_sink_has_the_rest():
    call = Case("float32", (20,), (1,), sinks=True, num_kv_heads=2).call()
    named = call.named
    (seen,) = each_query(
        call.key_cache,
        call.value_cache,
        named["block_table"],
        named["seq_lens"],
        named["query_start_loc"],
        None,
    )
    features = Features(named["scale"], sinks=named["sinks"])
    found = attend(call.query[0], seen.keys, seen.values, seen.distances, features)
    rest = np.exp(named["sinks"].astype(np.float64) - found.lse)
    np.testing.assert_allclose(found.weights.sum(axis=-1) + rest, 1, rtol=1e-14)
    without = attend(
        call.query[0], seen.keys, seen.values, seen.distances, replace(features, sinks=None)
    )
    np.testing.assert_allclose(found.output, (1 - rest)[:, None] * without.output, rtol=1e-12)


def test_logits_near_overflow_stay_shares():
    s = np.array([[1e300, 1e300], [-1e300, 0.0], [700.0, 800.0]])
    np.testing.assert_allclose(logsumexp(s), [1e300, 0.0, 800.0])


@pytest.mark.parametrize("scale", [0.0, -1.0, 3.0])
def test_any_scale(scale):
    case = Case("float32", (9,), (4,), scale=scale)
    np.testing.assert_allclose(ours(case.call()), attention(case.call()), rtol=0, atol=1e-12)


@given(st.integers(1, 30), st.integers(1, 40))
def test_a_window_is_the_last_tokens_alone(window, length):
    """A sequence's last token sees as much as if the tokens before its window had never been."""
    case = Case("float32", (length,), (1,), sliding_window=window, block_size=8, head_size=8)
    call = case.call()
    blocks = call.named["block_table"][0]
    kept = range(max(0, length - window), length)
    caches = []
    for cache in (call.key_cache, call.value_cache):
        alone = np.full((6, 8, *cache.shape[2:]), np.nan, cache.dtype)
        for place, position in enumerate(kept):
            alone[place // 8, place % 8] = cache[blocks[position // 8], position % 8]
        caches.append(alone)
    named = {
        "block_table": np.arange(6, dtype=np.int32)[None],
        "seq_lens": np.array([len(kept)], np.int32),
        "query_start_loc": np.array([0, 1], np.int32),
        "scale": call.named["scale"],
    }
    np.testing.assert_allclose(
        ours(call), paged_attention(call.query, *caches, **named), rtol=0, atol=1e-14
    )
