"""The oracle against PyTorch in float64, which was written by others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from fixtures.kernels.cases import Call, Case
from fixtures.kernels.generated import cases
from reference.oracle.attention import Features, attend, logsumexp
from reference.oracle.paged import each_query, paged_attention


def ours(call: Call) -> np.ndarray:
    return paged_attention(call.query, call.key_cache, call.value_cache, **call.named)


def torchs(case: Case) -> np.ndarray:
    """The same with masks over whole sequences; a cap is written out."""
    call, outputs = case.call(), []
    query, keys, values = (
        torch.from_numpy(array.astype(np.float64))
        for array in (call.query, call.key_cache, call.value_cache)
    )
    for row, (length, queries) in enumerate(zip(case.seq_lens, case.query_lens, strict=True)):
        blocks = torch.from_numpy(call.named["block_table"][row].astype(np.int64))
        k, v = (
            cache[blocks].reshape(-1, case.num_kv_heads, case.head_size)[:length].transpose(0, 1)
            for cache in (keys, values)
        )
        first = int(call.named["query_start_loc"][row])
        q = query[first : first + queries].transpose(0, 1)
        i, j = torch.arange(length - queries, length)[:, None], torch.arange(length)
        bias = torch.zeros(case.num_heads, queries, length, dtype=torch.float64)
        bias.masked_fill_(j > i, -torch.inf)
        if case.sliding_window is not None:
            bias.masked_fill_(i - j >= case.sliding_window, -torch.inf)
        if case.alibi:
            bias += torch.from_numpy(call.named["alibi_slopes"]).double()[:, None, None] * (j - i)
        k, v = (kv.repeat_interleave(case.num_heads // case.num_kv_heads, 0) for kv in (k, v))
        scale = call.named["scale"]
        if case.sinks:
            sink = torch.from_numpy(call.named["sinks"]).double()[:, None, None]
            bias = torch.cat([bias, sink.expand(-1, queries, 1)], -1)
            k, v = (torch.nn.functional.pad(kv, (0, 0, 0, 1)) for kv in (k, v))
        if case.logits_soft_cap is None:
            found = scaled_dot_product_attention(q, k, v, bias, scale=scale)
        else:
            capped = (scale * q @ k.mT / case.logits_soft_cap).tanh() * case.logits_soft_cap
            found = (capped + bias).softmax(-1) @ v
        outputs.append(found.transpose(0, 1).numpy())
    return np.concatenate(outputs)


@pytest.mark.usefixtures("one_thread")
@given(cases(head_sizes=(8, 16), longest=40))
def test_any_case_is_what_torch_computes(case):
    np.testing.assert_allclose(ours(case.call()), torchs(case), rtol=0, atol=1e-12)


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
    np.testing.assert_allclose(ours(case.call()), torchs(case), rtol=0, atol=1e-12)


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
