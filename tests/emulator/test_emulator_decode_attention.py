"""A whole kernel, end to end: decode attention, against float64, in any order of execution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reference.emulator import Library

SOURCE = Path(__file__).resolve().parents[2] / "benchmarks" / "decode_attention.metal"
HEADS, TOKENS, SIZE = 3, 77, 128


def emulated(query, keys, values, **options) -> np.ndarray:
    out = np.full_like(query, np.nan)
    encoder = Library.from_file(SOURCE).new_function("decode_attention").encoder(**options)
    for index, array in enumerate((query, keys, values, out)):
        encoder.set_buffer(array, index=index)
    encoder.set_bytes(np.int32(TOKENS), 4)
    encoder.set_bytes(np.float32(SIZE**-0.5), 5)
    encoder.dispatch_threadgroups((HEADS, 1, 1), (256, 1, 1))
    return out


@pytest.fixture(scope="module")
def arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """query [HEADS, SIZE], keys and values [HEADS, TOKENS, SIZE]."""
    rng = np.random.default_rng(7)
    shapes = [(HEADS, SIZE), (HEADS, TOKENS, SIZE), (HEADS, TOKENS, SIZE)]
    query, keys, values = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    return query, keys, values


def test_it_agrees_with_float64(arrays) -> None:
    query, keys, values = (array.astype(np.float64) for array in arrays)
    scores = np.einsum("htd,hd->ht", keys, query) * SIZE**-0.5
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    expected = np.einsum("ht,htd->hd", weights, values)
    # A sum of SIZE products, an exponential and a sum of TOKENS terms, each rounded in float32.
    bound = (SIZE + TOKENS) * 2.0**-24 * np.abs(values).max()
    assert np.abs(emulated(*arrays) - expected).max() <= bound


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_execution_does_not_change_a_bit(arrays, seed: int) -> None:
    found = emulated(*arrays, schedule=seed, workers=3)
    np.testing.assert_array_equal(found, emulated(*arrays, workers=1))


def test_the_safety_modes_find_nothing(arrays) -> None:
    found = emulated(*arrays, check="bounds,races,uninitialized")
    np.testing.assert_array_equal(found, emulated(*arrays))
