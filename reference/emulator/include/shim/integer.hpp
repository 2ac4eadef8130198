// Integer functions (specification, section 6.3).
#pragma once
#pragma GCC system_header

#include "common.hpp"

namespace metal {

#define MACCORD_INTEGER(T)                                                                        \
  constexpr T abs(T x) { return x < T(0) ? static_cast<T>(-x) : x; }                              \
  constexpr std::make_unsigned_t<T> absdiff(T x, T y) {                                           \
    using U = std::make_unsigned_t<T>;                                                            \
    return static_cast<U>(x < y ? static_cast<U>(y) - static_cast<U>(x)                           \
                                : static_cast<U>(x) - static_cast<U>(y));                         \
  }                                                                                               \
  constexpr T addsat(T x, T y) {                                                                  \
    T sum = 0;                                                                                    \
    if (!__builtin_add_overflow(x, y, &sum)) return sum;                                          \
    return y < T(0) ? numeric_limits<T>::min() : numeric_limits<T>::max();                        \
  }                                                                                               \
  constexpr T subsat(T x, T y) {                                                                  \
    T difference = 0;                                                                             \
    if (!__builtin_sub_overflow(x, y, &difference)) return difference;                            \
    return y > T(0) ? numeric_limits<T>::min() : numeric_limits<T>::max();                        \
  }                                                                                               \
  constexpr T hadd(T x, T y) { return static_cast<T>((x & y) + ((x ^ y) >> 1)); }                 \
  constexpr T rhadd(T x, T y) { return static_cast<T>((x | y) - ((x ^ y) >> 1)); }                \
  constexpr T mulhi(T x, T y) {                                                                   \
    using Wide = std::conditional_t<numeric_limits<T>::is_signed, __int128, unsigned __int128>;   \
    return static_cast<T>(static_cast<Wide>(x) * static_cast<Wide>(y) >> (sizeof(T) * 8));        \
  }                                                                                               \
  constexpr T madhi(T x, T y, T z) { return static_cast<T>(mulhi(x, y) + z); }                    \
  constexpr T madsat(T x, T y, T z) {                                                             \
    const __int128 exact = static_cast<__int128>(x) * y + z;                                      \
    if (exact > static_cast<__int128>(numeric_limits<T>::max())) return numeric_limits<T>::max(); \
    if (exact < static_cast<__int128>(numeric_limits<T>::min())) return numeric_limits<T>::min(); \
    return static_cast<T>(exact);                                                                 \
  }                                                                                               \
  constexpr T popcount(T x) {                                                                     \
    return static_cast<T>(__builtin_popcountll(static_cast<std::make_unsigned_t<T>>(x)));         \
  }                                                                                               \
  constexpr T clz(T x) {                                                                          \
    const auto u = static_cast<std::make_unsigned_t<T>>(x);                                       \
    constexpr int bits = sizeof(T) * 8;                                                           \
    return static_cast<T>(u == 0 ? bits : __builtin_clzll(u) - (64 - bits));                      \
  }                                                                                               \
  constexpr T ctz(T x) {                                                                          \
    const auto u = static_cast<std::make_unsigned_t<T>>(x);                                       \
    return static_cast<T>(u == 0 ? static_cast<int>(sizeof(T) * 8) : __builtin_ctzll(u));         \
  }                                                                                               \
  constexpr T reverse_bits(T x) {                                                                 \
    auto u = static_cast<std::make_unsigned_t<T>>(x);                                             \
    std::make_unsigned_t<T> reversed = 0;                                                         \
    for (unsigned i = 0; i < sizeof(T) * 8; ++i, u >>= 1) {                                       \
      reversed = static_cast<std::make_unsigned_t<T>>((reversed << 1) | (u & 1));                 \
    }                                                                                             \
    return static_cast<T>(reversed);                                                              \
  }                                                                                               \
  constexpr T rotate(T x, T shift) {                                                              \
    using U = std::make_unsigned_t<T>;                                                            \
    constexpr unsigned bits = sizeof(T) * 8;                                                      \
    const unsigned n = static_cast<unsigned>(shift) % bits;                                       \
    const U u = static_cast<U>(x);                                                                \
    return n == 0 ? x : static_cast<T>(static_cast<U>(u << n) | static_cast<U>(u >> (bits - n))); \
  }                                                                                               \
  constexpr T extract_bits(T x, uint offset, uint count) {                                        \
    using U = std::make_unsigned_t<T>;                                                            \
    constexpr uint bits = sizeof(T) * 8;                                                          \
    if (count == 0) return 0;                                                                     \
    const T top = static_cast<T>(static_cast<U>(x) << (bits - offset - count));                   \
    return static_cast<T>(top >> (bits - count)); /* arithmetic where T is signed */              \
  }                                                                                               \
  constexpr T insert_bits(T base, T insert, uint offset, uint count) {                            \
    using U = std::make_unsigned_t<T>;                                                            \
    constexpr uint bits = sizeof(T) * 8;                                                          \
    if (count == 0) return base;                                                                  \
    const U mask = static_cast<U>(static_cast<U>(static_cast<U>(-1) >> (bits - count)) << offset); \
    return static_cast<T>((static_cast<U>(base) & ~mask) |                                        \
                          (static_cast<U>(static_cast<U>(insert) << offset) & mask));             \
  }
MACCORD_EACH_INTEGER(MACCORD_INTEGER)
#undef MACCORD_INTEGER

// The lower 24 bits of both factors; the lower 32 of the product.
constexpr int mul24(int x, int y) {
  return static_cast<int>(static_cast<long>(static_cast<int>(static_cast<uint>(x) << 8) >> 8) *
                          (static_cast<int>(static_cast<uint>(y) << 8) >> 8));
}
constexpr uint mul24(uint x, uint y) { return (x & 0xffffffu) * (y & 0xffffffu); }
constexpr int mad24(int x, int y, int z) {
  return static_cast<int>(static_cast<uint>(mul24(x, y)) + static_cast<uint>(z));
}
constexpr uint mad24(uint x, uint y, uint z) { return mul24(x, y) + z; }

MACCORD_LIFT1(abs)
MACCORD_LIFT1(popcount)
MACCORD_LIFT1(clz)
MACCORD_LIFT1(ctz)
MACCORD_LIFT1(reverse_bits)
MACCORD_LIFT2(addsat)
MACCORD_LIFT2(subsat)
MACCORD_LIFT2(hadd)
MACCORD_LIFT2(rhadd)
MACCORD_LIFT2(mulhi)
MACCORD_LIFT2(rotate)
MACCORD_LIFT2(mul24)
MACCORD_LIFT3(madhi)
MACCORD_LIFT3(madsat)
MACCORD_LIFT3(mad24)

template <class A, class B, class V = common_vector<A, B>>
inline auto absdiff(const A& x, const B& y) {
  using U = std::make_unsigned_t<typename V::value_type>;
  const V a(x), b(y);
  return generate_vector<vec<U, V::N>>([&](int i) { return absdiff(a.all[i], b.all[i]); });
}
template <class A, class V = vector_of<A>>
inline V extract_bits(const A& x, uint offset, uint count) {
  const V a(x);
  return generate_vector<V>([&](int i) { return extract_bits(a.all[i], offset, count); });
}
template <class A, class B, class V = common_vector<A, B>>
inline V insert_bits(const A& base, const B& insert, uint offset, uint count) {
  const V a(base), b(insert);
  return generate_vector<V>([&](int i) { return insert_bits(a.all[i], b.all[i], offset, count); });
}

}  // namespace metal
