// Common and relational functions (specification, sections 6.2 and 6.4), and the minima and maxima
// of section 6.3 and 6.5, which share their names with each other.
//
// Scalars have one function for each type, as in Metal, so that a call that Metal finds ambiguous
// is so here. There is none for bfloat: it converts to float, and the result is a float.
#pragma once
#pragma GCC system_header

#include "lift.hpp"
#include "limits.hpp"

namespace metal {

#define MACCORD_EACH_INTEGER(F)                                                                   \
  F(char) F(int8_t) F(uchar) F(short) F(ushort) F(int) F(uint) F(long) F(ulong)

// ---- minima and maxima --------------------------------------------------------------------------

#define MACCORD_ORDER(T)                                                                          \
  constexpr T min(T x, T y) { return y < x ? y : x; }                                             \
  constexpr T max(T x, T y) { return x < y ? y : x; }
MACCORD_EACH_INTEGER(MACCORD_ORDER)
MACCORD_ORDER(long long)
MACCORD_ORDER(unsigned long long)
#undef MACCORD_ORDER

// Of two numbers of which one is a NaN, the other.
#define MACCORD_ORDER(T)                                                                          \
  constexpr T fmin(T x, T y) { return y < x || x != x ? y : x; }                                  \
  constexpr T fmax(T x, T y) { return x < y || x != x ? y : x; }                                  \
  constexpr T min(T x, T y) { return fmin(x, y); }                                                \
  constexpr T max(T x, T y) { return fmax(x, y); }                                                \
  constexpr T fmin3(T x, T y, T z) { return fmin(x, fmin(y, z)); }                                \
  constexpr T fmax3(T x, T y, T z) { return fmax(x, fmax(y, z)); }                                \
  constexpr T fmedian3(T x, T y, T z) {                                                           \
    return fmax(fmin(x, y), fmin(fmax(x, y), z));                                                 \
  }
MACCORD_ORDER(float)
MACCORD_ORDER(half)
#undef MACCORD_ORDER

#define MACCORD_ORDER(T)                                                                          \
  constexpr T min3(T x, T y, T z) { return min(x, min(y, z)); }                                   \
  constexpr T max3(T x, T y, T z) { return max(x, max(y, z)); }                                   \
  constexpr T median3(T x, T y, T z) { return max(min(x, y), min(max(x, y), z)); }                \
  constexpr T clamp(T x, T low, T high) { return min(max(x, low), high); }
MACCORD_EACH_INTEGER(MACCORD_ORDER)
MACCORD_ORDER(float)
MACCORD_ORDER(half)
#undef MACCORD_ORDER

MACCORD_LIFT2(min)
MACCORD_LIFT2(max)
MACCORD_LIFT2(fmin)
MACCORD_LIFT2(fmax)
MACCORD_LIFT3(min3)
MACCORD_LIFT3(max3)
MACCORD_LIFT3(median3)
MACCORD_LIFT3(fmin3)
MACCORD_LIFT3(fmax3)
MACCORD_LIFT3(fmedian3)
MACCORD_LIFT3(clamp)

// ---- common functions ---------------------------------------------------------------------------

#define MACCORD_COMMON(T)                                                                         \
  constexpr T mix(T x, T y, T a) { return x + (y - x) * a; }                                      \
  constexpr T saturate(T x) { return fmin(fmax(x, T(0)), T(1)); }                                 \
  constexpr T sign(T x) { return x > T(0) ? T(1) : x < T(0) ? T(-1) : x == T(0) ? x : T(0); }     \
  constexpr T step(T edge, T x) { return x < edge ? T(0) : T(1); }                                \
  constexpr T smoothstep(T edge0, T edge1, T x) {                                                 \
    const T t = saturate((x - edge0) / (edge1 - edge0));                                          \
    return t * t * (T(3) - T(2) * t);                                                             \
  }
MACCORD_COMMON(float)
MACCORD_COMMON(half)
#undef MACCORD_COMMON
MACCORD_LIFT3(mix)
MACCORD_LIFT1(saturate)
MACCORD_LIFT1(sign)
MACCORD_LIFT2(step)
MACCORD_LIFT3(smoothstep)

// ---- relational functions -----------------------------------------------------------------------

#define MACCORD_RELATIONAL(T, Bits, sign_bit)                                                     \
  constexpr bool isnan(T x) { return x != x; }                                                    \
  constexpr bool isinf(T x) {                                                                     \
    return x == numeric_limits<T>::infinity() || x == -numeric_limits<T>::infinity();             \
  }                                                                                               \
  constexpr bool isfinite(T x) { return !isnan(x) && !isinf(x); }                                 \
  constexpr bool isnormal(T x) {                                                                  \
    return isfinite(x) && (x >= numeric_limits<T>::min() || x <= -numeric_limits<T>::min());      \
  }                                                                                               \
  constexpr bool signbit(T x) { return (__builtin_bit_cast(Bits, x) >> sign_bit) != 0; }          \
  constexpr bool isordered(T x, T y) { return x == x && y == y; }                                 \
  constexpr bool isunordered(T x, T y) { return !isordered(x, y); }
MACCORD_RELATIONAL(float, uint32_t, 31)
MACCORD_RELATIONAL(half, uint16_t, 15)
#undef MACCORD_RELATIONAL
MACCORD_LIFT1_TO(bool, isnan)
MACCORD_LIFT1_TO(bool, isinf)
MACCORD_LIFT1_TO(bool, isfinite)
MACCORD_LIFT1_TO(bool, isnormal)
MACCORD_LIFT1_TO(bool, signbit)
MACCORD_LIFT2_TO(bool, isordered)
MACCORD_LIFT2_TO(bool, isunordered)

constexpr bool all(bool x) { return x; }
constexpr bool any(bool x) { return x; }
template <class A, class V = vector_of<A>>
constexpr bool all(const A& x) {
  const V a(x);
  bool result = true;
  for (int i = 0; i < V::N; ++i) result = result && a.all[i];
  return result;
}
template <class A, class V = vector_of<A>>
constexpr bool any(const A& x) {
  const V a(x);
  bool result = false;
  for (int i = 0; i < V::N; ++i) result = result || a.all[i];
  return result;
}

// c ? y : x; of vectors component by component.
template <class T, std::enable_if_t<is_scalar_type<T>, int> = 0>
constexpr T select(T x, std::common_type_t<T> y, bool c) {
  return c ? y : x;
}
template <class A, class B, class C, class V = common_vector<A, B>,
          std::enable_if_t<std::is_same_v<component_of<C>, bool>, int> = 0>
constexpr V select(const A& x, const B& y, const C& c) {
  const V a(x), b(y);
  const vec<bool, V::N> chosen(c);
  return generate_vector<V>([&](int i) { return chosen.all[i] ? b.all[i] : a.all[i]; });
}
template <class A, class B, class V = common_vector<A, B>>
constexpr V select(const A& x, const B& y, bool c) {
  return c ? V(y) : V(x);
}

}  // namespace metal
