// Math functions (specification, section 6.5). float is the C library's, within one unit in the
// last place; half is computed in float and rounded once. metal::fast and metal::precise are the
// same functions: the looser errors of fast math are not modelled.
#pragma once
#pragma GCC system_header

#include "common.hpp"

namespace metal {

// sin(pi x) and cos(pi x), exact where the result is -1, 0 or 1.
inline float sine_of_turns(double x, double shift) {
  double turns = x + shift;                                  // exact: x is a float
  turns -= 2.0 * __builtin_floor(turns / 2.0);               // [0, 2)
  if (turns == 0.0 || turns == 1.0) return 0.0f;
  if (turns == 0.5) return 1.0f;
  if (turns == 1.5) return -1.0f;
  return static_cast<float>(__builtin_sin(turns * 3.141592653589793238462643383279502884));
}

#define MACCORD_MATH1(name, expression)                                                           \
  inline float name(float x) { return expression; }                                               \
  inline half name(half h) { return static_cast<half>(name(static_cast<float>(h))); }             \
  MACCORD_LIFT1(name)
MACCORD_MATH1(acos, __builtin_acosf(x))
MACCORD_MATH1(acosh, __builtin_acoshf(x))
MACCORD_MATH1(asin, __builtin_asinf(x))
MACCORD_MATH1(asinh, __builtin_asinhf(x))
MACCORD_MATH1(atan, __builtin_atanf(x))
MACCORD_MATH1(atanh, __builtin_atanhf(x))
MACCORD_MATH1(ceil, __builtin_ceilf(x))
MACCORD_MATH1(cos, __builtin_cosf(x))
MACCORD_MATH1(cosh, __builtin_coshf(x))
MACCORD_MATH1(cospi, __builtin_isinf(x) ? NAN : sine_of_turns(x, 0.5))
MACCORD_MATH1(exp, __builtin_expf(x))
MACCORD_MATH1(exp10, static_cast<float>(__builtin_pow(10.0, static_cast<double>(x))))
MACCORD_MATH1(exp2, __builtin_exp2f(x))
MACCORD_MATH1(fabs, __builtin_fabsf(x))
MACCORD_MATH1(floor, __builtin_floorf(x))
MACCORD_MATH1(log, __builtin_logf(x))
MACCORD_MATH1(log10, __builtin_log10f(x))
MACCORD_MATH1(log2, __builtin_log2f(x))
MACCORD_MATH1(rint, __builtin_rintf(x))
MACCORD_MATH1(round, __builtin_roundf(x))
MACCORD_MATH1(rsqrt, static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(x))))
MACCORD_MATH1(sin, __builtin_sinf(x))
MACCORD_MATH1(sinh, __builtin_sinhf(x))
MACCORD_MATH1(sinpi, __builtin_isinf(x) ? NAN : sine_of_turns(x, 0.0))
MACCORD_MATH1(sqrt, __builtin_sqrtf(x))
MACCORD_MATH1(tan, __builtin_tanf(x))
MACCORD_MATH1(tanh, __builtin_tanhf(x))
MACCORD_MATH1(tanpi, sinpi(x) / cospi(x))
MACCORD_MATH1(trunc, __builtin_truncf(x))
#undef MACCORD_MATH1

#define MACCORD_MATH2(name, expression)                                                           \
  inline float name(float x, float y) { return expression; }                                      \
  inline half name(half g, half h) {                                                              \
    return static_cast<half>(name(static_cast<float>(g), static_cast<float>(h)));                 \
  }                                                                                               \
  MACCORD_LIFT2(name)
MACCORD_MATH2(atan2, __builtin_atan2f(x, y))
MACCORD_MATH2(copysign, __builtin_copysignf(x, y))
MACCORD_MATH2(divide, x / y)
MACCORD_MATH2(fdim, x != x || y != y ? NAN : x > y ? x - y : 0.0f)
MACCORD_MATH2(fmod, __builtin_fmodf(x, y))
MACCORD_MATH2(pow, __builtin_powf(x, y))
MACCORD_MATH2(powr, x < 0.0f ? NAN : __builtin_powf(x, y))
#undef MACCORD_MATH2

// A half's own neighbours: not those of the float that it is computed in.
inline float nextafter(float x, float y) { return __builtin_nextafterf(x, y); }
inline half nextafter(half x, half y) {
  if (x != x || y != y) return numeric_limits<half>::quiet_NaN();
  if (x == y) return y;
  const uint16_t bits = __builtin_bit_cast(uint16_t, x);
  if (x == half(0)) return copysign(numeric_limits<half>::denorm_min(), y);
  const bool away = (y > x) == (x > half(0));
  return __builtin_bit_cast(half, static_cast<uint16_t>(away ? bits + 1 : bits - 1));
}
MACCORD_LIFT2(nextafter)

inline float fma(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
inline half fma(half x, half y, half z) {
  // The product of two halves and its sum with a third fit a double but for the last bits of sums
  // far apart, where rounding to odd would be needed; __builtin_fma is exact up to one rounding.
  const double exact = __builtin_fma(static_cast<double>(x), static_cast<double>(y),
                                     static_cast<double>(z));
  return static_cast<half>(exact);
}
MACCORD_LIFT3(fma)

inline float fract(float x) {
  return x - __builtin_floorf(x) >= 1.0f ? 0x1.fffffep-1f
         : __builtin_isinf(x)            ? 0.0f
                                         : x - __builtin_floorf(x);
}
inline half fract(half x) {
  const half part = static_cast<half>(fract(static_cast<float>(x)));
  return part >= half(1) ? static_cast<half>(0x1.ffcp-1f) : part;
}
MACCORD_LIFT1(fract)

inline float abs(float x) { return __builtin_fabsf(x); }
inline half abs(half x) { return fabs(x); }

inline int ilogb(float x) { return __builtin_ilogbf(x); }
inline int ilogb(half x) { return __builtin_ilogbf(static_cast<float>(x)); }
MACCORD_LIFT1_TO(int, ilogb)

inline float ldexp(float x, int exponent) { return __builtin_ldexpf(x, exponent); }
inline half ldexp(half x, int exponent) {
  return static_cast<half>(__builtin_ldexp(static_cast<double>(x), exponent));
}
template <class A, class V = vector_of<A>>
inline V ldexp(const A& x, const vec<int, V::N>& exponent) {
  const V a(x);
  return generate_vector<V>([&](int i) { return ldexp(a.all[i], exponent.all[i]); });
}

// ---- functions with a second result -------------------------------------------------------------

inline float frexp(float x, int& exponent) { return __builtin_frexpf(x, &exponent); }
inline half frexp(half x, int& exponent) {
  return static_cast<half>(__builtin_frexpf(static_cast<float>(x), &exponent));
}
template <class A, class V = vector_of<A>>
inline V frexp(const A& x, vec<int, V::N>& exponent) {
  const V a(x);
  return generate_vector<V>([&](int i) { return frexp(a.all[i], exponent.all[i]); });
}

#define MACCORD_TWO_RESULTS(name, second, expression)                                             \
  template <class T>                                                                              \
  using name##_scalar = std::enable_if_t<std::is_same_v<T, float> || std::is_same_v<T, half>, T>; \
  template <class T, class R = name##_scalar<T>>                                                  \
  inline R name(T x, T& second) {                                                                 \
    expression;                                                                                   \
  }                                                                                               \
  template <class A, class V = vector_of<A>>                                                      \
  inline V name(const A& x, V& other) {                                                           \
    const V a(x);                                                                                 \
    return generate_vector<V>([&](int i) { return name(a.all[i], other.all[i]); });               \
  }
MACCORD_TWO_RESULTS(modf, whole, whole = trunc(x); return isinf(x) ? copysign(T(0), x) : x - whole)
MACCORD_TWO_RESULTS(sincos, cosine, cosine = cos(x); return sin(x))
#undef MACCORD_TWO_RESULTS

// ---- metal::fast and metal::precise -------------------------------------------------------------

#define MACCORD_EACH_MATH(F)                                                                      \
  F(abs) F(acos) F(acosh) F(asin) F(asinh) F(atan) F(atan2) F(atanh) F(ceil) F(copysign) F(cos)   \
  F(cosh) F(cospi) F(divide) F(exp) F(exp10) F(exp2) F(fabs) F(fdim) F(floor) F(fma) F(fmax)      \
  F(fmax3) F(fmedian3) F(fmin) F(fmin3) F(fmod) F(fract) F(frexp) F(ilogb) F(ldexp) F(log)        \
  F(log10) F(log2) F(max) F(max3) F(median3) F(min) F(min3) F(modf) F(nextafter) F(pow) F(powr)   \
  F(rint) F(round) F(rsqrt) F(sin) F(sincos) F(sinh) F(sinpi) F(sqrt) F(tan) F(tanh) F(tanpi)     \
  F(trunc) F(clamp) F(mix) F(saturate) F(sign) F(smoothstep) F(step) F(isnan) F(isinf)            \
  F(isfinite) F(isnormal)
#define MACCORD_USING(name) using metal::name;
namespace precise {
MACCORD_EACH_MATH(MACCORD_USING)
}
namespace fast {
MACCORD_EACH_MATH(MACCORD_USING)
}
#undef MACCORD_USING

}  // namespace metal
