"""The standard library of Metal but for what threads do together (specification, chapter 6)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from emulator_language import Case, array, check, run, same

INF, NAN = np.inf, np.nan


def uniform(low: float, high: float) -> np.ndarray:
    return np.random.default_rng(5).uniform(low, high, 256).astype(np.float32)


# Name, the function in float64, its domain, and how many units in the last place it may be off
# (specification, section 7.4, table of single precision).
ACCURACY: list[tuple[str, Callable[[np.ndarray], np.ndarray], np.ndarray, int]] = [
    ("acos", np.arccos, uniform(-1, 1), 4),
    ("acosh", np.arccosh, uniform(1, 100), 4),
    ("asin", np.arcsin, uniform(-1, 1), 4),
    ("asinh", np.arcsinh, uniform(-100, 100), 4),
    ("atan", np.arctan, uniform(-50, 50), 5),
    ("atanh", np.arctanh, uniform(-0.99, 0.99), 5),
    ("cos", np.cos, uniform(-30, 30), 4),
    ("cosh", np.cosh, uniform(-20, 20), 4),
    ("cospi", lambda x: np.cos(np.pi * x), uniform(-0.45, 0.45), 4),
    ("exp", np.exp, uniform(-80, 80), 4),
    ("exp10", lambda x: 10.0**x, uniform(-30, 30), 4),
    ("exp2", np.exp2, uniform(-120, 120), 4),
    ("log", np.log, uniform(1e-6, 1e6), 4),
    ("log10", np.log10, uniform(1e-6, 1e6), 4),
    ("log2", np.log2, uniform(1e-6, 1e6), 4),
    ("rsqrt", lambda x: 1 / np.sqrt(x), uniform(1e-6, 1e6), 0),
    ("sin", np.sin, uniform(-30, 30), 4),
    ("sinh", np.sinh, uniform(-20, 20), 4),
    ("sinpi", lambda x: np.sin(np.pi * x), uniform(-0.45, 0.45), 4),
    ("sqrt", np.sqrt, uniform(0, 1e6), 0),
    ("tan", np.tan, uniform(-1.5, 1.5), 6),
    ("tanh", np.tanh, uniform(-5, 5), 5),
    ("tanpi", lambda x: np.tan(np.pi * x), uniform(-0.45, 0.45), 6),
]


@pytest.mark.parametrize(("name", "exact", "x", "ulps"), ACCURACY, ids=[a[0] for a in ACCURACY])
def test_accuracy(
    name: str, exact: Callable[[np.ndarray], np.ndarray], x: np.ndarray, ulps: int
) -> None:
    out = np.zeros_like(x)
    run(f"math_{name}", [out, x], threads=len(x))
    expected = exact(x.astype(np.float64))
    if ulps == 0:  # correctly rounded
        np.testing.assert_array_equal(out, expected.astype(np.float32))
    else:
        unit = np.spacing(np.abs(expected).astype(np.float32)).astype(np.float64)
        assert np.max(np.abs(out - expected) / unit) <= ulps


STEPS = array([-2.5, -1.5, -0.5, -0.0, 0.5, 1.5, 2.5, 2.7, -2.7, INF])
X = array([3, 5, -5.5, 7, NAN, 1, -0.0])
Y = array([5, 3, 2, NAN, 7, 1, 5])
A4 = array([-1.5, 2.5, 4, 9])


def steps(name: str, expected: list[float]) -> Case:
    return Case(f"math_{name}", "6.5", array(expected), (STEPS,), threads=len(STEPS))


def pairs(name: str, expected: list[float], x: np.ndarray = X, y: np.ndarray = Y) -> Case:
    return Case(f"math_{name}", "6.5", array(expected), (x, y), threads=len(x))


def values(name: str, section: str, given: list[float], expected: list[float]) -> Case:
    return Case(name, section, array(expected), (array(given),), threads=len(given))


CASES = [
    steps("ceil", [-2, -1, -0.0, -0.0, 1, 2, 3, 3, -2, INF]),
    steps("floor", [-3, -2, -1, -0.0, 0, 1, 2, 2, -3, INF]),
    steps("trunc", [-2, -1, -0.0, -0.0, 0, 1, 2, 2, -2, INF]),
    steps("rint", [-2, -2, -0.0, -0.0, 0, 2, 2, 3, -3, INF]),  # ties to even
    steps("round", [-3, -2, -1, -0.0, 1, 2, 3, 3, -3, INF]),  # ties away from zero
    steps("fabs", [2.5, 1.5, 0.5, 0, 0.5, 1.5, 2.5, 2.7, 2.7, INF]),
    # x - floor(x), below 1 even for a tiny negative number.
    values("math_fract", "6.5", [-0.25, 2.75, 3, -1e-12], [0.75, 0.75, 0, 1 - 2**-24]),
    values("math_cospi", "6.5", [0, 0.5, 1, 1.5, 2, 1e6 + 1], [1, 0, -1, 0, 1, -1]),
    pairs("copysign", [3, 5, 5.5, 7, NAN, 1, 0], y=array([5, 3, 2, 7, 7, 1, 5])),
    pairs(
        "divide",
        [np.float32(3) / np.float32(5), np.float32(5) / np.float32(3), -2.75, NAN, NAN, 1, -0.0],
    ),
    pairs("fdim", [0, 2, 0, NAN, NAN, 0, 0]),
    pairs("fmax", [5, 5, 2, 7, 7, 1, 5]),  # of a number and a NaN the number
    pairs("fmin", [3, 3, -5.5, 7, 7, 1, -0.0]),
    pairs("fmod", [3, 2, -1.5, NAN, NAN, 0, -0.0]),
    pairs(
        "nextafter",
        [1 + 2**-23, 1 - 2**-24, 2**-149, 2],
        array([1, 1, 0, 2]),
        array([2, 0, 1, 2]),
    ),
    pairs("pow", [1024, 0.25, -27, 1, 8], array([2, 2, -3, 7, 4]), array([10, -2, 3, 0, 1.5])),
    pairs("powr", [1024, NAN, 4], array([2, -2, 16]), array([10, 2, 0.5])),
    pairs(
        "atan2",
        [math.pi / 4, 3 * math.pi / 4, -math.pi / 2, 0, math.pi],
        array([1, 1, -1, 0, 0]),
        array([1, -1, 0, 1, -1]),
    ),
    # (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24 exactly, and 0 when the product is rounded first.
    Case(
        "math_fma",
        "6.5, 7.4",
        array([2**-24, 0, 2**-20]),
        (array([1 + 2**-12, -(1 + 2**-11), 1 + 2**-10, -(1 + 2**-9)]),),
    ),
    Case("math_of_three", "6.5", array([-1, 3, 2, 2])),
    Case("math_frexp_ldexp", "6.5", array([0.625, 4, 96, 3, 0.625, 6]), (array([10, 3]),)),
    Case("math_modf_sincos", "6.5", array([-0.75, -2, 0, 1]), (array([-2.75, 0]),)),
    # Rounded to half once: e^1 = 2.71828 -> 2.71875, sin 1 = 0.841471 -> 0.841309.
    Case(
        "math_of_half",
        "6.5",
        array([math.e, 1.5, math.sin(1), 2.25**3, 1 + 2**-10], np.float16),
        (array([1, 2.25], np.float16),),
    ),
    Case(
        "math_of_vectors",
        "6.5",
        array(
            [
                [-2, 2, 4, 9],
                [0, 2.5, 4, 9],
                [6, 9, 10.5, 16.5],
                [1.5, 2.5, 4, 9],
                [2, 3, 16, 512],
            ]
        ),
        (A4,),
    ),
    Case("math_namespaces", "6.5, 1.5.3", array([2, 8, 0.5, 4]), (array([4, 3]),)),
    Case(
        "math_constants",
        "6.5",
        array(
            [
                math.pi,
                math.log(2),
                1 / math.log(2),
                math.sqrt(2),
                np.float16(math.pi),
                np.finfo(np.float32).max,
                INF,
            ]
        ),
    ),
    values("common_clamp", "6.2", [-3, -1, 0.5, 2, 9, INF], [-1, -1, 0.5, 2, 2, 2]),
    Case("common_mix", "6.2", array([[2.5, 3.25, 4, 4.75], [6, 6, 6, 6]])),
    values("common_saturate", "6.2", [-1, 0.25, 1.5, INF, NAN], [0, 0.25, 1, 1, 0]),
    values("common_sign", "6.2", [-3, -0.0, 0, 7, NAN], [-1, -0.0, 0, 1, 0]),
    values("common_smoothstep", "6.2", [0, 1, 1.5, 2, 3, 5], [0, 0, 0.15625, 0.5, 1, 1]),
    values("common_step", "6.2", [0.25, 0.5, 0.75], [0, 1, 1]),
    Case("integer_abs_absdiff", "6.3", array([5, 4000000000, 2, 367], np.uint32)),
    Case(
        "integer_addsat_subsat",
        "6.3",
        array([2**31 - 1, -(2**31), 255, 0, -32768, 120], np.int32),
    ),
    Case("integer_clz", "6.3", array([31, 32, 7, 0, 23], np.int32)),
    Case("integer_ctz", "6.3", array([3, 32, 16, 40], np.int32)),
    Case("integer_popcount", "6.3", array([8, 32, 8, 30], np.int32)),
    Case("integer_reverse_bits", "6.3", array([0x80000000, 0xC8, 0xFFFF0000], np.uint32)),
    # (x + y) >> 1 and (x + y + 1) >> 1 without overflow of the sum.
    Case("integer_hadd_rhadd", "6.3", array([2**31 - 2, 2**31 - 1, 254, -1, 0], np.int32)),
    Case(
        "integer_mulhi_madhi",
        "6.3",
        array([0xFFFFFFFE, 0xFFFFFFFF, 156, 13, 1 << 16], np.uint32),
    ),
    Case("integer_madsat", "6.3", array([2**31 - 1, -(2**31), 17, 255], np.int32)),
    # Of both factors the lower 24 bits.
    Case("integer_mul24_mad24", "6.3", array([-15, 0xFFFFFE, 999999, 6], np.int32)),
    Case("integer_rotate", "6.3", array([0x18, 0x03, 2, 0x1234], np.uint32)),
    # Signed ones are extended by their sign.
    Case("integer_extract_bits", "6.3", array([0xBC, -1, 7, 0, 1], np.int32)),
    Case("integer_insert_bits", "6.3", array([0xFFFF0AB0, 0xF0000000, 5, 9], np.uint32)),
    Case("integer_min_max_clamp", "6.3", array([-1, 5, 1, 3, 22, -5, 495, 1], np.int32)),
    # Bits: NaN, infinite, finite, normal, sign.
    Case(
        "relational_classes",
        "6.4",
        array([0b00001, 0b00010, 0b10010, 0b01100, 0b11100, 0b00100, 0b10100], np.uint32),
        (array([NAN, INF, -INF, 1.5, -1.5, 1e-40, -0.0]),),
        threads=7,
    ),
    Case("relational_order", "6.4", array([1, 0, 1, 1], np.uint32)),
    Case("relational_select", "6.4", array([[5, 2, 7, 4], [2, 2, 2, 2], [1, 2, 1, 2]])),
    Case("relational_all_any", "6.4", array([1, 0, 1, 0, 1], np.uint32)),
    Case("geometric_dot_length", "6.8", array([70, 5, 9, 5, 25, 11])),
    Case("geometric_cross", "6.8", array([-1, 5, -3])),
    # Beyond the critical angle nothing is refracted.
    Case("geometric_reflect_refract", "6.8", array([[1, 1], [0, -1], [0, 0], [-0.0, -1]])),
    Case("pack_unorm", "6.14, 7.7", array([0xFF80FF00, 0x0000FFFF, 0x81007F81], np.uint32)),
    Case(
        "unpack_unorm",
        "6.14, 7.7",
        array([[0, np.float32(51 / 255), 0, 1], [1, -1, 0, 1], [0, 1, 1, -1]]),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_function(case: Case) -> None:
    check(case)


def test_normalize_is_within_its_error() -> None:
    """A vector of length 1 (section 6.8); its accuracy is not specified beyond that."""
    out = np.zeros(3, np.float32)
    run("geometric_normalize", [out])
    np.testing.assert_allclose(out, [0, 0.6, 0.8], rtol=2**-22)


def test_same_tells_the_sign_of_zero_apart() -> None:
    """The comparison itself: -0 is not 0, NaN is NaN."""
    same(array([NAN, 0]), array([NAN, 0]), "equal")
    with pytest.raises(AssertionError):
        same(array([0]), array([-0.0]), "zero")
