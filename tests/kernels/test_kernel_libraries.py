"""PyTorch's and MLX's kernels beside the oracle: every feature, and shapes of any kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from conformance.compare.kernels import nearness
from fixtures.kernels.cases import NUMPY, Case
from fixtures.kernels.expected import expected
from fixtures.kernels.generated import cases

pytestmark = pytest.mark.usefixtures("one_thread")

MIXED = {"seq_lens": (1, 33, 64, 100), "query_lens": (1, 5, 1, 40)}
TOO_WIDE = 8
FEATURES = {
    "plain": {},
    "grouped": {"num_heads": 8, "num_kv_heads": 2},
    "multi-query": {"num_kv_heads": 1},
    "window": {"sliding_window": 20},
    "window-of-one-block": {"sliding_window": 16},
    "cap": {"logits_soft_cap": 3.0},
    "sinks": {"sinks": True},
    "alibi": {"alibi": True},
    "gemma2": {"num_kv_heads": 2, "sliding_window": 20, "logits_soft_cap": 3.0, "scale": 0.0625},
    "gpt-oss": {"num_heads": 8, "num_kv_heads": 1, "sliding_window": 30, "sinks": True},
    "everything": {
        "num_kv_heads": 2,
        "sliding_window": 30,
        "logits_soft_cap": 4.0,
        "sinks": True,
        "alibi": True,
    },
    "sharp": {"magnitude": 10.0},
    "flat": {"magnitude": 0.0},
    "negative-scale": {"scale": -0.2},
    "head-80": {"head_size": 80},
    "head-256-blocks-of-32": {"head_size": 256, "block_size": 32},
    "blocks-of-8": {"block_size": 8},
    "long": {"seq_lens": (1, 3000), "query_lens": (1, 1), "num_kv_heads": 1},
}


def beside_the_oracle(library, case):
    call = case.call()
    output = library.paged_attention(call.query, call.key_cache, call.value_cache, **call.named)
    found = nearness(output, *expected(call))
    assert found.inside, f"{library.name}: {found}\n{case}"
    return found.ratio


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("dtype", NUMPY)
def test_every_feature_is_within_its_bound_and_the_bound_is_near(library, dtype, feature):
    ratio = beside_the_oracle(library, Case(**{"dtype": dtype} | MIXED | FEATURES[feature]))
    assert ratio > 1 / TOO_WIDE


@pytest.mark.parametrize("head_size", [64, 80, 96, 112, 128, 192, 256])
@pytest.mark.parametrize("block_size", [8, 16, 32])
def test_every_head_size_and_block_size(library, head_size, block_size):
    edges = [block_size * n + off for n in (1, 2) for off in (-1, 0, 1)]
    for dtype in NUMPY:
        beside_the_oracle(
            library,
            Case(
                dtype,
                tuple(edges),
                (1, block_size, 3, 2, 1, 1),
                num_heads=4,
                num_kv_heads=2,
                head_size=head_size,
                block_size=block_size,
            ),
        )


def test_any_shape(library):
    @given(cases())
    @settings(max_examples=60)
    def holds(case):
        beside_the_oracle(library, case)

    holds()


def test_sequences_of_1_and_8192_tokens_in_one_batch(library):
    case = Case("bfloat16", (1, 8192, 1), (1, 1, 1), num_heads=8, num_kv_heads=1, head_size=128)
    assert beside_the_oracle(library, case) > 1 / TOO_WIDE
    windowed = replace(case, sliding_window=512, sinks=True)
    assert beside_the_oracle(library, windowed) > 1 / TOO_WIDE


def test_logits_near_overflow(library):
    """The largest is thousands above the rest, and exp of none is finite."""
    for dtype in NUMPY:
        beside_the_oracle(library, Case(dtype, (40,), (10,), magnitude=300.0, scale=1.0))


def test_no_queries_at_all(library):
    call = Case("float16", (20, 0), (0, 0)).call()
    output = library.paged_attention(call.query, call.key_cache, call.value_cache, **call.named)
    assert output.shape == (0, 4, 64)


def test_arguments_that_are_views_and_caches_that_stay(library):
    """Rows of a larger array, as slices of a fused projection are; and nothing is written."""
    case = Case("bfloat16", (30, 9), (4, 1), num_kv_heads=2)
    call = case.call()
    fused = np.concatenate([call.query, call.query, call.query], axis=1)
    strided = fused[:, case.num_heads : 2 * case.num_heads]
    wider = [
        np.concatenate([cache, cache], axis=-1) for cache in (call.key_cache, call.value_cache)
    ]
    views = [cache[..., : case.head_size] for cache in wider]
    before = [array.tobytes() for array in (fused, *wider)]
    assert not any(view.flags.c_contiguous for view in (strided, *views))
    output = library.paged_attention(strided, *views, **call.named)
    whole = library.paged_attention(call.query, call.key_cache, call.value_cache, **call.named)
    assert output.tobytes() == whole.tobytes()
    assert [array.tobytes() for array in (fused, *wider)] == before


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_last_rounding_errs_to_both_sides(library, dtype):
    """A kernel that errs to one side truncates. (In float32 a row's errors have one normaliser.)"""
    call = Case(dtype, (100,), (40,)).call()
    true, _ = expected(call)
    output = library.paged_attention(call.query, call.key_cache, call.value_cache, **call.named)
    larger = np.abs(output.astype(np.float64)) > np.abs(true)
    assert 0.47 < larger.mean() < 0.53  # 10,240 numbers: 6 standard deviations of a fair coin
