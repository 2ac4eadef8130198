"""Expressions of a TOML file, and caches in another order of their axes."""

from __future__ import annotations

import numpy as np
import pytest

from reference.metal_source.arithmetic import ExpressionError, parse
from reference.metal_source.layout import PLAIN, layout

KNOWN = {"a": 7, "b": 2, "on": 1, "off": 0}


def strides(array, axis):
    return {"q": (64, 8, 1)}[array][axis]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a + b * 3 - 1", 12),
        ("a // b", 3),
        ("a / b", 3.5),
        ("-a % 4", 1),
        ("ceil_div(a, b)", 4),
        ("max(a, 2 * b, 3)", 7),
        ("a if on else b", 7),
        ("a if off or not on else b", 2),
        ("a if a > b and b != 2 else -1", -1),
        ("stride(q, b - 1) + stride(q, 0)", 72),
        (12, 12),
        ("0.5", 0.5),
    ],
)
def test_an_expression_is_what_python_makes_of_it(text, value):
    assert parse(text).value(KNOWN, strides) == value


@pytest.mark.parametrize(
    "text",
    [
        "a.real", "a[0]", "[1]", "'a'", "open('x')", "(lambda: 1)()", "a ** b", "1j", "a < b < 3",
        "max(*a)", "min(a, key=b)", "stride(1, 0)", "f'{a}'", "a; b", "", "(a", None, ["a"],
    ],
)  # fmt: skip
def test_what_is_no_arithmetic_is_refused(text):
    with pytest.raises(ExpressionError, match=r"no expression|no arithmetic"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [("a // off", "cannot be computed"), ("a / b", "is 3.5, and must be a whole number")],
)
def test_what_cannot_be_computed_is_told(text, told):
    with pytest.raises(ExpressionError, match=told):
        parse(text).whole(KNOWN, strides)


def test_keys_in_pieces_lie_as_vllm_has_them():
    cache = np.random.default_rng(0).integers(0, 99, (3, 4, 2, 16))
    found = layout(
        ["num_blocks", "num_kv_heads", "head_size / x", "block_size", "head_size % x"]
    ).packed(cache, {"x": 8}, strides)
    assert found.shape == (3, 2, 2, 4, 8)
    for block, head, d, token in ((0, 0, 0, 0), (2, 1, 13, 3), (1, 0, 7, 2)):
        assert found[block, head, d // 8, token, d % 8] == cache[block, token, head, d]


@pytest.mark.parametrize(
    "axes",
    [
        ["num_blocks", "block_size", "num_kv_heads", "head_size"],
        ["num_kv_heads", "num_blocks", "head_size", "block_size"],
        ["num_blocks", "num_kv_heads", "head_size / 8", "block_size", "head_size % 8"],
        ["num_blocks", "block_size / 2", "head_size % 4", "num_kv_heads", "head_size / 4",
         "block_size % 2"],
    ],
)  # fmt: skip
def test_unpacking_undoes_packing(axes):
    cache = np.random.default_rng(0).integers(0, 99, (3, 4, 2, 16))
    there = layout(axes)
    packed = np.ascontiguousarray(there.packed(cache, {}, strides))
    assert np.array_equal(there.unpacked(packed, cache.shape, {}, strides), cache)


def test_the_contracts_own_layout_is_no_copy():
    cache = np.zeros((3, 4, 2, 16))
    assert np.shares_memory(PLAIN.packed(cache, {}, strides), cache)


def test_a_piece_that_does_not_fit_is_told():
    there = layout(["num_blocks", "num_kv_heads", "head_size / n", "block_size", "head_size % n"])
    with pytest.raises(ExpressionError, match="head_size 16 is no multiple of n = 5"):
        there.packed(np.zeros((3, 4, 2, 16)), {"n": 5}, strides)
