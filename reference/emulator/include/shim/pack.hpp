// Packing and unpacking of normalised integers (specification, sections 6.14 and 7.7).
#pragma once
#pragma GCC system_header

#include "math.hpp"
#include "vector_names.hpp"

namespace metal {

// `count` components of `bits` bits each, the first in the lowest bits.
template <class V, int bits, bool is_signed>
inline V unpack_normalised(uint word) {
  using T = typename V::value_type;
  return generate_vector<V>([&](int i) {
    const uint field = (word >> (i * bits)) & ((1u << bits) - 1u);
    if (!is_signed) return static_cast<T>(static_cast<float>(field) / ((1u << bits) - 1u));
    const int value = static_cast<int>(field << (32 - bits)) >> (32 - bits);
    return static_cast<T>(max(static_cast<float>(value) / ((1 << (bits - 1)) - 1), -1.0f));
  });
}

template <class V, int bits, bool is_signed>
inline uint pack_normalised(const V& value) {
  uint word = 0;
  for (int i = 0; i < V::N; ++i) {
    const float x = static_cast<float>(value.all[i]);
    const float scale = is_signed ? (1 << (bits - 1)) - 1 : (1u << bits) - 1u;
    const float clamped = x != x ? 0.0f : clamp(x, is_signed ? -1.0f : 0.0f, 1.0f);
    const int field = static_cast<int>(rint(clamped * scale));
    word |= (static_cast<uint>(field) & ((1u << bits) - 1u)) << (i * bits);
  }
  return word;
}

#define MACCORD_PACK(count, bits, T)                                                              \
  inline vec<T, count> unpack_unorm##count##x##bits##_to_##T(uint x) {                            \
    return unpack_normalised<vec<T, count>, bits, false>(x);                                      \
  }                                                                                               \
  inline vec<T, count> unpack_snorm##count##x##bits##_to_##T(uint x) {                            \
    return unpack_normalised<vec<T, count>, bits, true>(x);                                       \
  }                                                                                               \
  inline uint pack_##T##_to_unorm##count##x##bits(vec<T, count> x) {                              \
    return pack_normalised<vec<T, count>, bits, false>(x);                                        \
  }                                                                                               \
  inline uint pack_##T##_to_snorm##count##x##bits(vec<T, count> x) {                              \
    return pack_normalised<vec<T, count>, bits, true>(x);                                         \
  }
MACCORD_PACK(4, 8, float)
MACCORD_PACK(4, 8, half)
MACCORD_PACK(2, 16, float)
MACCORD_PACK(2, 16, half)
#undef MACCORD_PACK

}  // namespace metal
