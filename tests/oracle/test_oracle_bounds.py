"""The bounds admit correct kernels and are near to what these lose, and what is wrong is above."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from plain_kernel import plain

from conformance.compare.kernels import nearness
from fixtures.kernels.cases import NUMPY, Call, Case
from fixtures.kernels.expected import expected
from fixtures.kernels.latents import LatentCase
from reference.oracle import bounds
from reference.oracle.paged import paged_attention

FEATURES = {
    "plain": {},
    "multi-query": {"num_kv_heads": 1},
    "window": {"sliding_window": 9},
    "cap": {"logits_soft_cap": 4.0},
    "sinks": {"sinks": True},
    "alibi": {"alibi": True},
    "wide": {"head_size": 256, "seq_lens": (40,), "query_lens": (10,)},
    "sharp": {"magnitude": 10.0},
    "long": {"seq_lens": (3000,), "query_lens": (1,), "num_heads": 8, "num_kv_heads": 2},
    "all": {
        "num_kv_heads": 2,
        "sliding_window": 30,
        "logits_soft_cap": 4.0,
        "sinks": True,
        "alibi": True,
    },
}
TOO_WIDE = 8


def case(dtype: str, feature: str) -> Case:
    return Case(
        **{"dtype": dtype, "seq_lens": (50, 130), "query_lens": (20, 10)} | FEATURES[feature]
    )


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("dtype", NUMPY)
def test_the_plainest_kernel_is_within_its_bound_and_the_bound_is_near(dtype, feature):
    call = case(dtype, feature).call()
    true, bound = expected(call)
    # Only kernels that round their weights use the whole of what is granted in 16 bits.
    ratios = []
    for weights_dtype in dict.fromkeys(("float32", dtype)):
        found = nearness(plain(call, weights_dtype=NUMPY[weights_dtype]), true, bound)
        assert found.inside, found
        ratios.append(found.ratio)
    assert min(ratios) > 1 / TOO_WIDE


def altered(call: Call, **named) -> Call:
    return replace(call, named=call.named | named)


def slightly(call: Call) -> float:
    """8 roundoffs in 16 bits, and as much as a float32 constant that was typed with 5 digits."""
    return max(8 * bounds.ROUNDOFF[call.query.dtype.name], 1e-5)


def rounded_query(call: Call) -> Call:
    """As a kernel computes that rounds the scaled query to the cache's dtype: MLX's on Metal."""
    scale = call.named["scale"]
    return replace(
        altered(call, scale=1.0),
        query=(call.query.astype(np.float32) * scale).astype(call.query.dtype),
    )


WRONG = {
    "a window that is one too long": ("window", lambda call: altered(call, sliding_window=10)),
    "a window that is one too short": ("window", lambda call: altered(call, sliding_window=8)),
    "a cap that is left out": ("cap", lambda call: altered(call, logits_soft_cap=None)),
    "sinks that are left out": ("sinks", lambda call: altered(call, sinks=None)),
    "sinks of another head": (
        "sinks",
        lambda call: altered(call, sinks=np.roll(call.named["sinks"], 1)),
    ),
    "sinks that count twice": (
        "sinks",
        lambda call: altered(call, sinks=call.named["sinks"] + np.float32(np.log(2))),
    ),
    "slopes that are left out": ("alibi", lambda call: altered(call, alibi_slopes=None)),
    "a scale that is slightly off": (
        "sharp",
        lambda call: altered(call, scale=call.named["scale"] * (1 + slightly(call))),
    ),
    "keys of another token": (
        "long",
        lambda call: replace(call, key_cache=np.roll(call.key_cache, 1, axis=1)),
    ),
    "the newest token unseen": (
        "long",
        lambda call: altered(call, seq_lens=call.named["seq_lens"] - 1),
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("dtype", NUMPY)
def test_what_is_wrong_is_above_its_bound(dtype, wrong):
    feature, change = WRONG[wrong]
    call = case(dtype, feature).call()
    faulty = change(call)
    output = paged_attention(faulty.query, faulty.key_cache, faulty.value_cache, **faulty.named)
    assert not nearness(output.astype(NUMPY[dtype]), *expected(call)).inside


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_scaled_query_that_is_rounded_is_no_excuse(dtype):
    call = replace(case(dtype, "sharp"), head_size=80).call()
    faulty = rounded_query(call)
    output = paged_attention(faulty.query, faulty.key_cache, faulty.value_cache, **faulty.named)
    assert not nearness(output.astype(NUMPY[dtype]), *expected(call)).inside


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_single_value_is_what_it_is(dtype):
    call = Case(dtype, (1,), (1,)).call()
    true, bound = expected(call)
    value = call.value_cache[call.named["block_table"][0, 0], 0].astype(np.float64)
    assert np.array_equal(true[0], value)
    assert (bound < 1e-14 * np.abs(value) + 2 * bounds.SMALLEST).all()


@pytest.mark.parametrize("n", [1, 2, 5, 7])
def test_partial_sums_in_every_order_are_what_the_formula_says(n):
    terms = np.random.default_rng(n).standard_normal(n)
    orders = np.array(list(itertools.permutations(terms)))
    mean = (np.cumsum(orders, axis=1) ** 2).sum(axis=1).mean()
    assert bounds._sum(n, terms.sum() ** 2, (terms**2).sum()) == pytest.approx(mean)


@pytest.mark.parametrize("dtype", NUMPY)
def test_roundoff_and_underflow_are_those_of_the_dtype(dtype):
    kind = NUMPY[dtype]
    u = bounds.ROUNDOFF[dtype]
    assert kind(1 + u) == 1 and kind(1 + 1.01 * u) != 1
    near = np.array([0.999, 1.001]) * bounds.UNDERFLOW["float16"]
    assert near.astype(np.float16).tolist() == [0, 2.0**-24]


def test_nothing_that_is_not_finite_is_near():
    true, bound = np.ones((1, 1, 3)), np.full((1, 1, 3), 1e-3)
    assert nearness(true, true, bound).inside
    for worst in (np.nan, np.inf, -np.inf):
        found = nearness(np.array([[[1, worst, 1]]]), true, bound)
        assert (found.above, found.index, found.ratio) == (1, (0, 0, 1), np.inf)


def test_a_number_that_is_off_is_told_with_its_place():
    found = nearness(np.array([[[1.0, 1.5]]]), np.ones((1, 1, 2)), np.full((1, 1, 2), 0.1))
    assert str(found) == (
        "output[0, 0, 1] = 1.5, but should be 1 ± 0.1 (5 times the bound; 1 of 2 numbers are "
        "above theirs)"
    )


def test_a_number_at_its_bound_is_inside_and_none_beyond():
    true, bound = np.zeros(4), np.full(4, 0.5)
    for worst, above in ((0.5, 0), (0.75, 2), (1.25, 2)):
        found = nearness(np.array([0.5, worst, -worst, 0.25]), true, bound)
        assert (found.above, found.inside, found.ratio) == (above, not above, worst / 0.5)


SUBNORMAL = {"float16": 2.0**-16, "bfloat16": 2.0**-130, "float32": 2.0**-130}


def subnormal(dtype: str, which: str) -> Call:
    call = case(dtype, "plain").call()
    array = getattr(call, which)
    return replace(
        call, **{which: (array.astype(np.float64) * SUBNORMAL[dtype]).astype(array.dtype)}
    )


def flushed(call: Call) -> Call:
    """As a GPU reads it that has no subnormal numbers of float32."""
    arrays = {name: getattr(call, name) for name in ("query", "key_cache", "value_cache")}
    return replace(
        call,
        **{
            name: np.where(np.abs(array.astype(np.float32)) < bounds.NORMAL, array * 0, array)
            for name, array in arrays.items()
        },
    )


@pytest.mark.parametrize("which", ["query", "key_cache", "value_cache"])
@pytest.mark.parametrize("dtype", NUMPY)
def test_subnormal_numbers_may_be_kept_or_in_float32_flushed(dtype, which):
    call = subnormal(dtype, which)
    for read in (call, flushed(call)):
        found = nearness(plain(read), *expected(call))
        assert found.inside, found
    zeros = np.zeros_like(call.query)
    if which == "value_cache":
        assert nearness(zeros, *expected(call)).inside == (dtype != "float16")


@pytest.mark.parametrize("dtype", NUMPY)
def test_subnormal_values_are_no_excuse_for_normal_ones(dtype):
    call = subnormal(dtype, "value_cache")
    true, bound = expected(call)
    smallest = {"float16": 2.0**-14}.get(dtype, bounds.NORMAL)
    assert bound.max() < smallest / 2
    assert not nearness(np.full(true.shape, smallest), true, bound).inside


@pytest.mark.parametrize("shape", [{}, {"magnitude": 10.0}, {"latent_size": 64, "rope_size": 16}])
@pytest.mark.parametrize("dtype", NUMPY)
def test_the_bounds_of_latents_are_those_of_one_head_whose_value_is_part_of_its_key(dtype, shape):
    latent = LatentCase(dtype, (50, 30), (20, 1), **shape).call()
    true, bound = expected(latent)
    cache = latent.latent_cache[:, :, None]
    named = {name: given for name, given in latent.named.items() if name != "latent_size"}
    whole = expected(Call(latent.query, cache, cache, named))
    size = latent.named["latent_size"]
    np.testing.assert_allclose(true, whole[0][..., :size], rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(bound, whole[1][..., :size], rtol=1e-9)


@pytest.mark.parametrize("kind", ["fp8", "int8"])
@pytest.mark.parametrize("dtype", NUMPY)
def test_a_scale_that_is_slightly_off_is_above_the_bound_of_8_bits(dtype, kind):
    scales = {"kv_cache_dtype": kind, "k_scale": 0.031, "v_scale": 0.017}
    call = Case(dtype, (50, 130), (20, 10), **scales).call()
    faulty = altered(call, v_scale=0.017 * (1 + slightly(call)))
    output = paged_attention(faulty.query, *faulty.caches, **faulty.named)
    assert not nearness(output.astype(NUMPY[dtype]), *expected(call)).inside
