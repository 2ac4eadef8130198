// Built-ins of Metal's compiler that kernel libraries call by their own names, as MLX does to give
// bfloat its functions. The last argument of the math functions asks for fast math.
#pragma once
#pragma GCC system_header

#include "simdgroup.hpp"

#define MACCORD_BUILTIN1(name)                                                                    \
  inline float __metal_##name(float x, int) { return metal::name(x); }
#define MACCORD_BUILTIN2(name)                                                                    \
  inline float __metal_##name(float x, float y, int) { return metal::name(x, y); }
#define MACCORD_BUILTIN3(name)                                                                    \
  inline float __metal_##name(float x, float y, float z, int) { return metal::name(x, y, z); }
MACCORD_BUILTIN1(acos)
MACCORD_BUILTIN1(acosh)
MACCORD_BUILTIN1(asin)
MACCORD_BUILTIN1(asinh)
MACCORD_BUILTIN1(atan)
MACCORD_BUILTIN1(atanh)
MACCORD_BUILTIN1(ceil)
MACCORD_BUILTIN1(cos)
MACCORD_BUILTIN1(cosh)
MACCORD_BUILTIN1(cospi)
MACCORD_BUILTIN1(exp)
MACCORD_BUILTIN1(exp10)
MACCORD_BUILTIN1(exp2)
MACCORD_BUILTIN1(fabs)
MACCORD_BUILTIN1(floor)
MACCORD_BUILTIN1(fract)
MACCORD_BUILTIN1(log)
MACCORD_BUILTIN1(log10)
MACCORD_BUILTIN1(log2)
MACCORD_BUILTIN1(rint)
MACCORD_BUILTIN1(round)
MACCORD_BUILTIN1(rsqrt)
MACCORD_BUILTIN1(sin)
MACCORD_BUILTIN1(sinh)
MACCORD_BUILTIN1(sinpi)
MACCORD_BUILTIN1(sqrt)
MACCORD_BUILTIN1(tan)
MACCORD_BUILTIN1(tanh)
MACCORD_BUILTIN1(tanpi)
MACCORD_BUILTIN1(trunc)
MACCORD_BUILTIN2(atan2)
MACCORD_BUILTIN2(divide)
MACCORD_BUILTIN2(fmax)
MACCORD_BUILTIN2(fmin)
MACCORD_BUILTIN2(fmod)
MACCORD_BUILTIN2(pow)
MACCORD_BUILTIN2(powr)
MACCORD_BUILTIN3(fmax3)
MACCORD_BUILTIN3(fmedian3)
MACCORD_BUILTIN3(fmin3)
#undef MACCORD_BUILTIN1
#undef MACCORD_BUILTIN2
#undef MACCORD_BUILTIN3

inline float __metal_fma(float x, float y, float z) { return metal::fma(x, y, z); }
inline float __metal_nextafter(float x, float y) { return metal::nextafter(x, y); }
inline float __metal_ldexp(float x, int exponent, int) { return metal::ldexp(x, exponent); }
inline float __metal_frexp(float x, int* exponent) { return metal::frexp(x, *exponent); }

inline ushort __metal_get_simdgroup_size(ushort) { return metal_emulator::simd_width; }
inline ushort __metal_get_thread_index_in_simdgroup(ushort) {
  return static_cast<ushort>(metal_emulator::current().thread_index_in_simdgroup);
}

#define MACCORD_BUILTIN(name)                                                                     \
  template <class T, class... A>                                                                  \
  inline auto __metal_##name(const T& data, A... arguments) {                                     \
    return metal::name(data, arguments...);                                                       \
  }
MACCORD_BUILTIN(simd_broadcast)
MACCORD_BUILTIN(simd_max)
MACCORD_BUILTIN(simd_min)
MACCORD_BUILTIN(simd_prefix_exclusive_product)
MACCORD_BUILTIN(simd_prefix_exclusive_sum)
MACCORD_BUILTIN(simd_prefix_inclusive_product)
MACCORD_BUILTIN(simd_prefix_inclusive_sum)
MACCORD_BUILTIN(simd_product)
MACCORD_BUILTIN(simd_shuffle)
MACCORD_BUILTIN(simd_shuffle_and_fill_down)
MACCORD_BUILTIN(simd_shuffle_and_fill_up)
MACCORD_BUILTIN(simd_shuffle_down)
MACCORD_BUILTIN(simd_shuffle_rotate_down)
MACCORD_BUILTIN(simd_shuffle_rotate_up)
MACCORD_BUILTIN(simd_shuffle_up)
MACCORD_BUILTIN(simd_shuffle_xor)
MACCORD_BUILTIN(simd_sum)
// There is none of floats; a float that is handed to it becomes an int.
inline int __metal_simd_xor(int data) { return metal::simd_xor(data); }
#undef MACCORD_BUILTIN
