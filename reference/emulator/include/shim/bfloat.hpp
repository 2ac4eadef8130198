// bfloat: the upper half of a float (specification, section 2.1), rounded to nearest even after
// each operation. As in Metal it converts implicitly to float only, and only integers convert
// implicitly to it, so that `condition ? value : 0.0f` is a float and with `: 0` it is not.
#pragma once
#pragma GCC system_header

#include "scalars.hpp"

namespace metal {

struct bfloat;

template <class T>
inline constexpr bool is_builtin_scalar = std::is_arithmetic_v<T> || std::is_same_v<T, half>;

struct bfloat {
  uint16_t bits;

  bfloat() = default;

  template <class T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
  constexpr bfloat(T value) : bits(rounded(static_cast<float>(value))) {}

  template <class T, std::enable_if_t<is_builtin_scalar<T> && !std::is_integral_v<T>, int> = 0>
  constexpr explicit bfloat(T value) : bits(rounded(static_cast<float>(value))) {}

  template <class T, std::enable_if_t<std::is_same_v<T, float>, int> = 0>
  constexpr operator T() const {
    return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16);
  }

  template <class T,
            std::enable_if_t<is_builtin_scalar<T> && !std::is_same_v<T, float>, int> = 0>
  constexpr explicit operator T() const {
    return static_cast<T>(static_cast<float>(*this));
  }

  static constexpr bfloat from_bits(uint16_t bits) {
    bfloat result{0};
    result.bits = bits;
    return result;
  }

 private:
  static constexpr uint16_t rounded(float value) {
    const uint32_t word = __builtin_bit_cast(uint32_t, value);
    if ((word & 0x7fffffffu) > 0x7f800000u) {
      return static_cast<uint16_t>((word >> 16) | 0x40u);  // a NaN stays one, made quiet
    }
    return static_cast<uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
  }
};

template <class T>
inline constexpr bool is_scalar_type = is_builtin_scalar<T> || std::is_same_v<T, bfloat>;

// What an operation of a bfloat and another scalar comes to: bfloat with itself and with integers,
// otherwise float.
template <class A, class B>
using bfloat_result = std::enable_if_t<
    (std::is_same_v<A, bfloat> && is_scalar_type<B>) ||
        (std::is_same_v<B, bfloat> && is_builtin_scalar<A>),
    std::conditional_t<(std::is_same_v<A, bfloat> || std::is_integral_v<A>) &&
                           (std::is_same_v<B, bfloat> || std::is_integral_v<B>),
                       bfloat, float>>;

#define MACCORD_ARITHMETIC(op)                                                                    \
  template <class A, class B, class R = bfloat_result<A, B>>                                      \
  constexpr R operator op(A a, B b) {                                                             \
    return R(static_cast<float>(R(a)) op static_cast<float>(R(b)));                               \
  }                                                                                               \
  template <class B, class R = bfloat_result<bfloat, B>>                                          \
  constexpr bfloat& operator op##=(bfloat& a, B b) {                                              \
    return a = bfloat(a op b);                                                                    \
  }                                                                                               \
  template <class A, std::enable_if_t<is_builtin_scalar<A>, int> = 0>                             \
  constexpr A& operator op##=(A& a, bfloat b) {                                                   \
    return a = static_cast<A>(a op static_cast<float>(b));                                        \
  }
MACCORD_ARITHMETIC(+)
MACCORD_ARITHMETIC(-)
MACCORD_ARITHMETIC(*)
MACCORD_ARITHMETIC(/)
#undef MACCORD_ARITHMETIC

#define MACCORD_COMPARISON(op)                                                                    \
  template <class A, class B, class R = bfloat_result<A, B>>                                      \
  constexpr bool operator op(A a, B b) {                                                          \
    return static_cast<float>(R(a)) op static_cast<float>(R(b));                                  \
  }
MACCORD_COMPARISON(==)
MACCORD_COMPARISON(!=)
MACCORD_COMPARISON(<)
MACCORD_COMPARISON(<=)
MACCORD_COMPARISON(>)
MACCORD_COMPARISON(>=)
#undef MACCORD_COMPARISON

constexpr bfloat operator-(bfloat a) { return bfloat::from_bits(a.bits ^ 0x8000u); }
constexpr bfloat operator+(bfloat a) { return a; }
constexpr bool operator!(bfloat a) { return (a.bits & 0x7fffu) == 0; }
constexpr bfloat& operator++(bfloat& a) { return a += 1; }
constexpr bfloat& operator--(bfloat& a) { return a -= 1; }
constexpr bfloat operator++(bfloat& a, int) {
  const bfloat before = a;
  a += 1;
  return before;
}
constexpr bfloat operator--(bfloat& a, int) {
  const bfloat before = a;
  a -= 1;
  return before;
}

static_assert(sizeof(bfloat) == 2 && std::is_trivially_copyable_v<bfloat>);

}  // namespace metal

using metal::bfloat;

constexpr bfloat operator""bf(long double value) { return bfloat(static_cast<float>(value)); }
constexpr bfloat operator""BF(long double value) { return bfloat(static_cast<float>(value)); }
