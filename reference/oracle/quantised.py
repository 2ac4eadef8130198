"""K/V in 8 bits with scales: what is stored, and what it is worth.

    stored = round(x / scale), to the nearest value that there is, ties to even, ends saturate
    worth  = stored · scale

- `fp8` is E4M3 of the OCP 8-bit floating point specification (revision 1.0, 2023, table 1): a sign,
  4 bits of exponent with bias 7, 3 bits of fraction, no infinities, NaN only where all of exponent
  and fraction is set; 448 is the largest. vLLM's `kv_cache_dtype="fp8"` is this, saturating.
- `int8` is symmetric, -127 to 127 (Jacob et al. 2018, section 3; -128 is not used).

Attention over such a cache is attention over what its numbers are worth.

A kernel divides in float32 and not exactly. Its quotient is off by the rounding of the scale (u),
and by 2.5 units in the last place (5u): what Metal grants its fast division (Metal Shading Language
specification 3.2, section 8.2), which is more than that of IEEE 754 and than a product with the
inverse. Where that reaches over a tie, the values on both sides are right: `nearest`. By a power of
2 the quotient is exact, and so is the product with the inverse.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from reference.oracle.attention import Array, Float64, wide

QUOTIENT = 6 * 2.0**-24
"""Relative error of x / scale in float32, see above."""

E4M3_LARGEST = 448.0
E4M3_BIAS = 7
E4M3_FRACTION_BITS = 3
INT8_LARGEST = 127


def quantise(x: Array, kv_cache_dtype: str, scale: float) -> Array:
    """What a cache of this kind stores: "fp8" bytes of E4M3 in uint8, or "int8"."""
    return quantise_fp8(x, scale) if kv_cache_dtype == "fp8" else quantise_int8(x, scale)


def dequantise(stored: Array, kv_cache_dtype: str, scale: float) -> Array:
    """What a cache is worth, [...] in float64; one of "auto" is worth what it holds."""
    if kv_cache_dtype == "auto":
        return stored
    read = dequantise_fp8 if kv_cache_dtype == "fp8" else dequantise_int8
    return read(stored, scale)


def nearest(x: Array, kv_cache_dtype: str, scale: float) -> tuple[Array, Array]:
    """The two values that a kernel may store; the same but where x / scale is all but a tie."""
    off = 0.0 if math.frexp(scale)[0] == 0.5 else QUOTIENT
    lower, upper = (quantise(wide(x) * (1 + each), kv_cache_dtype, scale) for each in (-off, off))
    return lower, upper


def quantise_fp8(x: Array, scale: Array | float) -> NDArray[np.uint8]:
    """Bytes of E4M3; `scale` is broadcast against `x`. NaN stays NaN."""
    ratio = wide(x) / scale
    value = np.minimum(np.abs(ratio), E4M3_LARGEST)
    smallest = 1 - E4M3_BIAS  # exponent of the smallest normal number; below it steps are equal
    exponent = np.maximum(np.frexp(value)[1] - 1, smallest)
    exponent = np.where(value > 0, exponent, smallest)
    steps = np.rint(value / 2.0 ** (exponent - E4M3_FRACTION_BITS))  # 0 to 16
    # Steps follow one another over the ends of binades, so that 16 is the next exponent's first.
    code = (exponent - smallest) * 2**E4M3_FRACTION_BITS + steps
    code = np.where(np.isnan(ratio), 0x7F, code)
    return (code + np.where(np.signbit(ratio), 0x80, 0)).astype(np.uint8)


def dequantise_fp8(stored: NDArray[np.uint8], scale: Array | float) -> Float64:
    """What bytes of E4M3 are worth."""
    code = stored.astype(np.int64)
    sign = np.where(code & 0x80, -1.0, 1.0)
    exponent, fraction = (code >> E4M3_FRACTION_BITS) & 0xF, code & 0x7
    normal = 2.0 ** (exponent - E4M3_BIAS) * (1 + fraction / 8)
    value = np.where(exponent > 0, normal, 2.0 ** (1 - E4M3_BIAS) * fraction / 8)
    return np.asarray(np.where((code & 0x7F) == 0x7F, np.nan, sign * value) * scale)


def quantise_int8(x: Array, scale: Array | float) -> NDArray[np.int8]:
    """Symmetric int8; `scale` is broadcast against `x`, which is finite."""
    return np.clip(np.rint(wide(x) / scale), -INT8_LARGEST, INT8_LARGEST).astype(np.int8)


def dequantise_int8(stored: NDArray[np.int8], scale: Array | float) -> Float64:
    """What int8 is worth."""
    return np.asarray(wide(stored) * scale)


def scale_of(x: Array, largest: float, axis: tuple[int, ...] | None = None) -> Float64:
    """The scale at which the largest magnitude is stored as `largest`, kept as an axis of 1.

    1 where everything is 0, whose scale would be 0.
    """
    peak = np.abs(wide(x)).max(axis=axis, keepdims=True)
    return np.asarray(np.where(peak > 0, peak / largest, 1.0))
