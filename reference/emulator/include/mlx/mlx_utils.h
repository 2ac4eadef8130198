// What MLX declares ahead of a custom kernel, as far as custom kernels use it: for machines where
// MLX, and hence its own utils.h, is not installed. This is Metal source: it is translated.
#pragma once

#include <metal_stdlib>

using namespace metal;

typedef half float16_t;
typedef bfloat bfloat16_t;

// Elements from the start of an array to its element number `elem` in row-major order.
template <typename Index, typename Offset = int64_t>
Offset elem_to_loc(
    Index elem, constant const int* shape, constant const int64_t* strides, int ndim) {
  Offset loc = 0;
  for (int i = ndim - 1; i >= 0 && elem > 0; --i) {
    loc += Offset(elem % shape[i]) * Offset(strides[i]);
    elem /= shape[i];
  }
  return loc;
}

template <typename T, typename U>
T ceildiv(T n, U m) {
  return (n + m - 1) / m;
}

// Metal's math functions take a bfloat as a float and return a float, which is not assigned to a
// bfloat; MLX adds overloads that return a bfloat.
namespace metal {
#define BFLOAT_UNARY(name) \
  inline bfloat name(bfloat x) { return bfloat(name(float(x))); }
BFLOAT_UNARY(abs) BFLOAT_UNARY(acos) BFLOAT_UNARY(acosh) BFLOAT_UNARY(asin) BFLOAT_UNARY(asinh)
BFLOAT_UNARY(atan) BFLOAT_UNARY(atanh) BFLOAT_UNARY(ceil) BFLOAT_UNARY(cos) BFLOAT_UNARY(cosh)
BFLOAT_UNARY(exp) BFLOAT_UNARY(exp2) BFLOAT_UNARY(exp10) BFLOAT_UNARY(fabs) BFLOAT_UNARY(floor)
BFLOAT_UNARY(fract) BFLOAT_UNARY(log) BFLOAT_UNARY(log2) BFLOAT_UNARY(log10) BFLOAT_UNARY(rint)
BFLOAT_UNARY(round) BFLOAT_UNARY(rsqrt) BFLOAT_UNARY(sin) BFLOAT_UNARY(sinh) BFLOAT_UNARY(sqrt)
BFLOAT_UNARY(tan) BFLOAT_UNARY(tanh) BFLOAT_UNARY(trunc)
#undef BFLOAT_UNARY
#define BFLOAT_BINARY(name) \
  inline bfloat name(bfloat x, bfloat y) { return bfloat(name(float(x), float(y))); }
BFLOAT_BINARY(atan2) BFLOAT_BINARY(copysign) BFLOAT_BINARY(fmax) BFLOAT_BINARY(fmin)
BFLOAT_BINARY(fmod) BFLOAT_BINARY(max) BFLOAT_BINARY(min) BFLOAT_BINARY(pow)
#undef BFLOAT_BINARY
}  // namespace metal
