// metal::numeric_limits and the macros that name limits and constants (specification, sections 6.1
// and 6.5, tables of constants).
#pragma once
#pragma GCC system_header

#include "bfloat.hpp"

#define CHAR_BIT 8
#define SCHAR_MAX 127
#define SCHAR_MIN (-128)
#define UCHAR_MAX 255
#define CHAR_MAX SCHAR_MAX
#define CHAR_MIN SCHAR_MIN
#define SHRT_MAX 32767
#define SHRT_MIN (-32768)
#define USHRT_MAX 65535
#define INT_MAX 2147483647
#define INT_MIN (-2147483647 - 1)
#define UINT_MAX 4294967295u
#define LONG_MAX 9223372036854775807l
#define LONG_MIN (-9223372036854775807l - 1)
#define ULONG_MAX 18446744073709551615ul

#define FLT_DIG 6
#define FLT_MANT_DIG 24
#define FLT_MAX_10_EXP 38
#define FLT_MAX_EXP 128
#define FLT_MIN_10_EXP (-37)
#define FLT_MIN_EXP (-125)
#define FLT_RADIX 2
#define FLT_MAX 0x1.fffffep127f
#define FLT_MIN 0x1.0p-126f
#define FLT_EPSILON 0x1.0p-23f
#define FLT_DECIMAL_DIG 9
#define HALF_DIG 3
#define HALF_MANT_DIG 11
#define HALF_MAX_EXP 16
#define HALF_MIN_EXP (-13)
#define HALF_RADIX 2
#define HALF_MAX static_cast<half>(0x1.ffcp15f)
#define HALF_MIN static_cast<half>(0x1.0p-14f)
#define HALF_EPSILON static_cast<half>(0x1.0p-10f)

#define MAXFLOAT FLT_MAX
#define MAXHALF HALF_MAX
#define HUGE_VALF __builtin_inff()
#define HUGE_VALH static_cast<half>(__builtin_inff())
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")

#define M_E_F 2.71828182845904523536028747135266250f
#define M_LOG2E_F 1.44269504088896340735992468100189214f
#define M_LOG10E_F 0.434294481903251827651128918916605082f
#define M_LN2_F 0.693147180559945309417232121458176568f
#define M_LN10_F 2.30258509299404568401799145468436421f
#define M_PI_F 3.14159265358979323846264338327950288f
#define M_PI_2_F 1.57079632679489661923132169163975144f
#define M_PI_4_F 0.785398163397448309615660845819875721f
#define M_1_PI_F 0.318309886183790671537767526745028724f
#define M_2_PI_F 0.636619772367581343075535053490057448f
#define M_2_SQRTPI_F 1.12837916709551257389615890312154517f
#define M_SQRT2_F 1.41421356237309504880168872420969808f
#define M_SQRT1_2_F 0.707106781186547524400844362104849039f
#define M_E_H static_cast<half>(M_E_F)
#define M_LOG2E_H static_cast<half>(M_LOG2E_F)
#define M_LOG10E_H static_cast<half>(M_LOG10E_F)
#define M_LN2_H static_cast<half>(M_LN2_F)
#define M_LN10_H static_cast<half>(M_LN10_F)
#define M_PI_H static_cast<half>(M_PI_F)
#define M_PI_2_H static_cast<half>(M_PI_2_F)
#define M_PI_4_H static_cast<half>(M_PI_4_F)
#define M_1_PI_H static_cast<half>(M_1_PI_F)
#define M_2_PI_H static_cast<half>(M_2_PI_F)
#define M_2_SQRTPI_H static_cast<half>(M_2_SQRTPI_F)
#define M_SQRT2_H static_cast<half>(M_SQRT2_F)
#define M_SQRT1_2_H static_cast<half>(M_SQRT1_2_F)

namespace metal {

template <class T>
struct numeric_limits {
  static constexpr bool is_specialized = false;
};

template <class T>
struct integer_limits {
  static constexpr bool is_specialized = true, is_integer = true, is_exact = true;
  static constexpr bool is_signed = static_cast<T>(-1) < static_cast<T>(0);
  static constexpr bool has_infinity = false, has_quiet_NaN = false, has_signaling_NaN = false;
  static constexpr bool is_iec559 = false, is_bounded = true;
  static constexpr int radix = 2;
  static constexpr int digits = std::is_same_v<T, bool> ? 1 : sizeof(T) * 8 - is_signed;
  static constexpr int digits10 = digits * 30103 / 100000;
  static constexpr T max() {
    return static_cast<T>(static_cast<std::uint64_t>(-1) >> (64 - digits));
  }
  static constexpr T min() { return is_signed ? static_cast<T>(-max() - 1) : static_cast<T>(0); }
  static constexpr T lowest() { return min(); }
  static constexpr T epsilon() { return 0; }
};
#define MACCORD_LIMITS(T)                                                                         \
  template <>                                                                                     \
  struct numeric_limits<T> : integer_limits<T> {};
MACCORD_LIMITS(bool)
MACCORD_LIMITS(char)
MACCORD_LIMITS(signed char)
MACCORD_LIMITS(uchar)
MACCORD_LIMITS(short)
MACCORD_LIMITS(ushort)
MACCORD_LIMITS(int)
MACCORD_LIMITS(uint)
MACCORD_LIMITS(long)
MACCORD_LIMITS(ulong)
MACCORD_LIMITS(long long)
MACCORD_LIMITS(unsigned long long)
#undef MACCORD_LIMITS

// `precision` bits of significand, exponents as the constants of <limits> count them.
template <class T, class Bits, int precision, int largest, int smallest>
struct floating_limits {
  static constexpr bool is_specialized = true, is_integer = false, is_exact = false;
  static constexpr bool is_signed = true, is_iec559 = true, is_bounded = true;
  static constexpr bool has_infinity = true, has_quiet_NaN = true, has_signaling_NaN = true;
  static constexpr int radix = 2, digits = precision;
  static constexpr int digits10 = (precision - 1) * 30103 / 100000;
  static constexpr int max_digits10 = 2 + precision * 30103 / 100000;
  static constexpr int max_exponent = largest, min_exponent = smallest;
  static constexpr T infinity() { return bits(exponent_mask); }
  static constexpr T quiet_NaN() { return bits(exponent_mask | (Bits(1) << (precision - 2))); }
  static constexpr T signaling_NaN() { return bits(exponent_mask | Bits(1)); }
  static constexpr T max() { return bits(exponent_mask - 1); }
  static constexpr T lowest() { return -max(); }
  static constexpr T min() { return bits(Bits(1) << (precision - 1)); }
  static constexpr T denorm_min() { return bits(1); }
  static constexpr T epsilon() {
    return bits(static_cast<Bits>(bias - (precision - 1)) << (precision - 1));
  }
  static constexpr T round_error() {
    return bits(static_cast<Bits>(bias - 1) << (precision - 1));
  }

 private:
  static constexpr int bias = largest - 1;
  static constexpr Bits exponent_mask = static_cast<Bits>(2 * bias + 1) << (precision - 1);
  static constexpr T bits(Bits value) { return __builtin_bit_cast(T, value); }
};
template <>
struct numeric_limits<float> : floating_limits<float, uint32_t, 24, 128, -125> {};
template <>
struct numeric_limits<half> : floating_limits<half, uint16_t, 11, 16, -13> {};
template <>
struct numeric_limits<bfloat> : floating_limits<bfloat, uint16_t, 8, 128, -125> {};

template <class T>
struct numeric_limits<const T> : numeric_limits<T> {};

}  // namespace metal
