"""K/V in 8 bits against ml_dtypes and PyTorch, which were written by others."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference.oracle import quantised

EVERY_BYTE = np.arange(256, dtype=np.uint8)


def test_every_byte_of_e4m3_is_worth_what_ml_dtypes_says():
    theirs = EVERY_BYTE.view(ml_dtypes.float8_e4m3fn).astype(np.float64)
    ours = quantised.dequantise_fp8(EVERY_BYTE, 1.0)
    assert np.array_equal(ours, theirs, equal_nan=True)
    assert np.array_equal(np.signbit(ours[[0, 128]]), [False, True])


def test_every_value_is_stored_as_itself_and_every_tie_as_the_even_one():
    values = quantised.dequantise_fp8(EVERY_BYTE, 1.0)
    assert np.array_equal(quantised.quantise_fp8(values, 1.0)[:127], EVERY_BYTE[:127])
    assert np.array_equal(quantised.quantise_fp8(values, 1.0)[128:255], EVERY_BYTE[128:255])
    ties = (values[:126] + values[1:127]) / 2
    assert np.array_equal(quantised.quantise_fp8(ties, 1.0), np.arange(126) + np.arange(126) % 2)


@given(st.lists(st.floats(-448, 448, width=32), min_size=1, max_size=20))
def test_e4m3_is_rounded_as_torch_rounds(numbers):
    x = np.array(numbers, np.float32)
    theirs = torch.from_numpy(x).to(torch.float8_e4m3fn).view(torch.uint8).numpy()
    assert np.array_equal(quantised.quantise_fp8(x, 1.0), theirs)


@pytest.mark.parametrize("number", [449.0, 1e30, np.inf])
def test_what_is_too_large_is_the_largest(number):
    stored = quantised.quantise_fp8(np.array([number, -number]), 1.0)
    assert quantised.dequantise_fp8(stored, 1.0).tolist() == [448, -448]


def test_nan_stays_nan():
    stored = quantised.quantise_fp8(np.array([np.nan]), 1.0)
    assert np.isnan(quantised.dequantise_fp8(stored, 1.0)).all()


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20), st.floats(1e-3, 1e3))
def test_int8_is_half_a_step_off_or_at_the_end(numbers, scale):
    x = np.array(numbers)
    stored = quantised.quantise_int8(x, scale)
    worth = quantised.dequantise_int8(stored, scale)
    at_end = np.abs(stored.astype(int)) == 127
    assert (np.abs(worth - x) <= scale / 2 * (1 + 1e-12))[~at_end].all()
    assert (np.abs(worth) <= np.abs(x) + scale / 2)[at_end].all()


@pytest.mark.parametrize("axis", [None, (1, 3)])
def test_at_its_own_scale_nothing_saturates(axis):
    """One scale for all, and one for each block and head."""
    x = np.random.default_rng(5).standard_normal((3, 8, 2, 16)) * [[1], [9]]
    x[1] = 0
    for largest, store, read, step in (
        (quantised.E4M3_LARGEST, quantised.quantise_fp8, quantised.dequantise_fp8, 2**-4),
        (quantised.INT8_LARGEST, quantised.quantise_int8, quantised.dequantise_int8, None),
    ):
        scale = quantised.scale_of(x, largest, axis)
        off = np.abs(read(store(x, scale), scale) - x)
        smallest = scale * 2.0**-10  # half a step of the smallest numbers of E4M3
        allowed = scale / 2 if step is None else np.maximum(step * np.abs(x), smallest)
        assert (off <= allowed * (1 + 1e-12)).all()
        assert (off > 0.9 * allowed)[x != 0].any()


@pytest.mark.parametrize("kind", ["fp8", "int8"])
def test_a_tie_has_one_answer_where_the_quotient_is_exact_and_two_where_it_is_not(kind):
    ties = {"fp8": np.array([17.0, 19.0, 25.0]), "int8": np.array([0.5, 2.5, 100.5])}[kind]
    for scale in (1.0, 2.0**-6, 4.0):
        lower, upper = quantised.nearest(ties * scale, kind, scale)
        assert np.array_equal(lower, upper)
        assert np.array_equal(lower, quantised.quantise(ties, kind, 1.0))
    lower, upper = quantised.nearest(ties * 0.013, kind, 0.013)
    assert (upper.astype(int) == lower.astype(int) + 1).all()
    lower, upper = quantised.nearest(ties * 1.001 * 0.013, kind, 0.013)
    assert np.array_equal(lower, upper)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("kind", ["fp8", "int8"])
@given(st.floats(1e-3, 10))
def test_what_is_computed_in_float32_is_one_of_the_nearest(kind, dtype, scale):
    x = np.random.default_rng(7).standard_normal(500).astype(dtype)
    lower, upper = quantised.nearest(x, kind, scale)
    narrow = x.astype(np.float32)
    inverse = np.float32(1) / np.float32(scale)
    for ratio in (narrow / np.float32(scale), narrow * inverse):
        found = quantised.quantise(ratio, kind, 1.0)
        assert ((found == lower) | (found == upper)).all()


def test_a_cache_that_is_not_quantised_is_worth_what_it_holds():
    x = np.ones(3, np.float16)
    assert quantised.dequantise(x, "auto", 1.0) is x
