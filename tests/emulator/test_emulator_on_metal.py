"""The language cases run on Apple's GPU through MLX, and agree with the emulator and with what is
expected. Without Metal the same path runs with the emulator in the place of the GPU, for every
eighth case.

MACCORD_REQUIRE_METAL=1 makes it a failure that there is no Metal.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from typing import Any

import language_on_metal
import numpy as np
import pytest
from emulator_language import Case, run
from language_on_metal import NotExpressible, as_call
from test_emulator_language_functions import ACCURACY
from test_emulator_language_functions import CASES as FUNCTIONS
from test_emulator_language_groups import CASES as GROUPS
from test_emulator_language_memory import CASES as MEMORY
from test_emulator_language_types import CASES as TYPES

import reference.emulator

# The largest error that the specification allows the functions of these kernels, in units in the
# last place (section 7.4): those of one function have its own, in others pow has the widest.
# Elsewhere results are exact or correctly rounded.
MATH_ULPS = 16
FUNCTION_ULPS = {f"math_{name}": ulps for name, _, _, ulps in ACCURACY}
MATH_SECTIONS = re.compile(r"\b(6\.5|6\.8)\b")

SMALLEST = {np.float32: 2.0**-126, np.float16: 2.0**-14}  # normal; smaller may become 0 (7.1)


def _accuracy_case(name: str, exact: Callable[..., Any], x: np.ndarray) -> Case:
    expected = exact(x.astype(np.float64)).astype(np.float32)
    return Case(f"math_{name}", "6.5", expected, (x,), threads=len(x))


CASES = [
    *FUNCTIONS,
    *GROUPS,
    *MEMORY,
    *TYPES,
    *(_accuracy_case(name, exact, x) for name, exact, x, _ in ACCURACY),
]


@functools.cache
def metal() -> Any:
    """mlx.core if it has Metal; else skips, or fails where MACCORD_REQUIRE_METAL is set."""
    try:
        import mlx.core as mx
    except ImportError:
        mx = None
    if mx is not None and mx.metal.is_available():
        return mx
    if os.environ.get("MACCORD_REQUIRE_METAL"):
        pytest.fail("MACCORD_REQUIRE_METAL is set, and MLX has no Metal here")
    pytest.skip("needs MLX with Metal: an Apple GPU")


def on_metal(case: Case) -> np.ndarray:
    mx = metal()
    name = f"maccord_{re.sub('[^0-9a-z]', '_', case.kernel)}"
    out = as_call(case).run(name, mx.fast.metal_kernel, mx.array)
    return np.array(out)


def by_drop_in(case: Case) -> np.ndarray:
    return np.asarray(as_call(case).run(case.kernel, reference.emulator.metal_kernel, np.asarray))


def emulated(case: Case) -> np.ndarray:
    out = np.zeros_like(case.expected) if case.initial is None else case.initial.copy()
    buffers = [out, *(value.copy() for value in case.inputs)]
    run(case.kernel, buffers, case.threads, case.threadgroup, case.constants)
    return out


def agree(case: Case, actual: np.ndarray, expected: np.ndarray) -> None:
    """Integers to the bit; floats, too, but for math functions and numbers that may be flushed."""
    if actual.dtype.kind != "f":
        np.testing.assert_array_equal(actual, expected)
        return
    a, b = actual.astype(np.float64), expected.astype(np.float64)
    smallest = SMALLEST[expected.dtype.type]
    flushed = (a == 0) & (np.abs(b) < smallest)
    ulps = FUNCTION_ULPS.get(case.kernel, MATH_ULPS if MATH_SECTIONS.search(case.section) else 0)
    ulps += ulps > 0  # what is compared with is rounded, or the emulator's, within one unit
    with np.errstate(invalid="ignore", over="ignore"):
        unit = np.spacing(np.maximum(np.abs(expected), expected.dtype.type(smallest)))
        near = np.abs(a - b) <= ulps * unit.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    wrong = np.flatnonzero(~(same | flushed | near))
    assert wrong.size == 0, f"elements {wrong[:5]}: {a.flat[wrong[:5]]}, not {b.flat[wrong[:5]]}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_on_metal(case: Case) -> None:
    metal()
    try:
        as_call(case)
    except NotExpressible as reason:
        pytest.skip(f"metal_kernel has no way to {case.kernel}: {reason}")
    actual = on_metal(case)
    agree(case, actual, case.expected)
    agree(case, actual, emulated(case))


@pytest.mark.parametrize("case", CASES[::8], ids=str)
def test_the_same_path_with_the_emulator_as_the_gpu(case: Case) -> None:
    agree(case, by_drop_in(case), emulated(case))


def test_nearly_all_cases_can_be_put_so() -> None:
    left = []
    for case in CASES:
        try:
            call = as_call(case)
        except NotExpressible as reason:
            left.append(f"{case.kernel}: {reason}")
            continue
        assert "kernel" not in re.findall(r"\w+", call.header), case.kernel
    assert len(CASES) - len(left) >= 120
    assert len(left) <= 1, left


def test_what_does_not_agree_is_told() -> None:
    case = next(c for c in CASES if c.kernel == "math_fma")
    with pytest.raises(AssertionError, match=r"elements \[1\]"):
        agree(case, np.array([1, 2], np.float32), np.array([1, 2.001], np.float32))
    integers = np.array([1], np.int32)
    with pytest.raises(AssertionError):
        agree(case, integers, integers + 1)


def test_a_kernel_is_taken_apart() -> None:
    case = next(c for c in CASES if c.kernel == "scaled_short_7")
    source = language_on_metal.as_call(case).source
    assert source.splitlines()[:4] == [
        "using T = short; constexpr int N = 7;",
        "device const T * in = reinterpret_cast<device const T *>(input_0);",
        "device T * out = reinterpret_cast<device T *>(output);",
        "const uint i = uint(thread_position_in_grid.x);",
    ]
