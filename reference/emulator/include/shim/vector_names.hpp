// The names of the vector types, packed vector types and of as_type (specification, sections 2.2,
// 2.2.3 and 2.20), in Metal's namespace and outside of it, where kernels find them.
#pragma once
#pragma GCC system_header

#include "vector_operators.hpp"

#define MACCORD_TYPES(T)                                                                          \
  using T##2 = vec<T, 2>;                                                                         \
  using T##3 = vec<T, 3>;                                                                         \
  using T##4 = vec<T, 4>;
#define MACCORD_PACKED(T)                                                                         \
  using packed_##T##2 = packed_vec<T, 2>;                                                         \
  using packed_##T##3 = packed_vec<T, 3>;                                                         \
  using packed_##T##4 = packed_vec<T, 4>;
#define MACCORD_EACH(F)                                                                           \
  F(bool) F(char) F(uchar) F(short) F(ushort) F(int) F(uint) F(long) F(ulong) F(half) F(bfloat)   \
  F(float)

namespace metal {

MACCORD_EACH(MACCORD_TYPES)
MACCORD_EACH(MACCORD_PACKED)

// The bits of `value` as a value of another type of the same size.
template <class To, class From>
inline To bits_as(const From& value) {
  static_assert(sizeof(To) == sizeof(From), "as_type needs two types of one size");
  To result;
  __builtin_memcpy(static_cast<void*>(&result), static_cast<const void*>(&value), sizeof(To));
  return result;
}

template <class To, class From>
constexpr To as_type(const From& value) {
  if constexpr (is_vector_value<From>) {
    return bits_as<To>(static_cast<vector_of<From>>(value));  // of a swizzle what it picks
  } else if constexpr (std::is_trivially_copyable_v<To> && std::is_trivially_copyable_v<From>) {
    static_assert(sizeof(To) == sizeof(From), "as_type needs two types of one size");
    return __builtin_bit_cast(To, value);
  } else {
    return bits_as<To>(value);
  }
}

}  // namespace metal

#undef MACCORD_TYPES
#undef MACCORD_PACKED
#define MACCORD_TYPES(T)                                                                          \
  using metal::T##2;                                                                              \
  using metal::T##3;                                                                              \
  using metal::T##4;
#define MACCORD_PACKED(T)                                                                         \
  using metal::packed_##T##2;                                                                     \
  using metal::packed_##T##3;                                                                     \
  using metal::packed_##T##4;
MACCORD_EACH(MACCORD_TYPES)
MACCORD_EACH(MACCORD_PACKED)
#undef MACCORD_TYPES
#undef MACCORD_PACKED
#undef MACCORD_EACH

using metal::as_type;
