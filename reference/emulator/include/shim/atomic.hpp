// Atomic types and functions (specification, sections 2.6 and 6.15). They are the compiler's
// atomic built-ins on the bits of the value, for that is what the checker hears of.
#pragma once
#pragma GCC system_header

#include "synchronization.hpp"
#include "traits.hpp"

namespace metal {

template <class T>
struct atomic {
  static_assert(std::is_same_v<T, int> || std::is_same_v<T, uint> || std::is_same_v<T, bool> ||
                    std::is_same_v<T, float> || std::is_same_v<T, ulong> ||
                    std::is_same_v<T, long>,
                "Metal has atomic int, uint, bool, float and ulong");
  using value_type = T;
  using Bits = std::conditional_t<std::is_same_v<T, float>, uint, T>;
  Bits bits;
  atomic() = default;
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;
};
template <class T>
using _atomic = atomic<T>;

using atomic_int = atomic<int>;
using atomic_uint = atomic<uint>;
using atomic_bool = atomic<bool>;
using atomic_float = atomic<float>;
using atomic_ulong = atomic<ulong>;

template <class T>
inline T value_of_bits(typename atomic<T>::Bits bits) {
  return __builtin_bit_cast(T, bits);
}
template <class T>
inline typename atomic<T>::Bits bits_of_value(T value) {
  return __builtin_bit_cast(typename atomic<T>::Bits, value);
}

template <class T>
inline void atomic_store_explicit(volatile atomic<T>* object, not_deduced<T> desired,
                                  memory_order) {
  __atomic_store_n(&object->bits, bits_of_value<T>(desired), __ATOMIC_RELAXED);
}

template <class T>
inline T atomic_load_explicit(const volatile atomic<T>* object, memory_order) {
  return value_of_bits<T>(__atomic_load_n(&object->bits, __ATOMIC_RELAXED));
}

template <class T>
inline T atomic_exchange_explicit(volatile atomic<T>* object, not_deduced<T> desired,
                                  memory_order) {
  return value_of_bits<T>(
      __atomic_exchange_n(&object->bits, bits_of_value<T>(desired), __ATOMIC_RELAXED));
}

// Compares bits: a NaN equals itself, -0 is not 0. Never fails without a reason.
template <class T>
inline bool atomic_compare_exchange_weak_explicit(volatile atomic<T>* object,
                                                  not_deduced<T>* expected,
                                                  not_deduced<T> desired, memory_order,
                                                  memory_order) {
  auto bits = bits_of_value<T>(*expected);
  const bool exchanged =
      __atomic_compare_exchange_n(&object->bits, &bits, bits_of_value<T>(desired), false,
                                  __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  if (!exchanged) *expected = value_of_bits<T>(bits);
  return exchanged;
}

// Replaces the value x by f(x); returns x.
template <class T, class F>
inline T update_atomic(volatile atomic<T>* object, F f) {
  auto bits = __atomic_load_n(&object->bits, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(&object->bits, &bits,
                                      bits_of_value<T>(f(value_of_bits<T>(bits))), false,
                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return value_of_bits<T>(bits);
}

template <class T>
inline constexpr bool is_word = std::is_same_v<T, int> || std::is_same_v<T, uint>;

template <class T, std::enable_if_t<is_word<T> || std::is_same_v<T, ulong>, int> = 0>
inline T atomic_fetch_add_explicit(volatile atomic<T>* object, not_deduced<T> x, memory_order) {
  return __atomic_fetch_add(&object->bits, x, __ATOMIC_RELAXED);
}
template <class T, std::enable_if_t<is_word<T> || std::is_same_v<T, ulong>, int> = 0>
inline T atomic_fetch_sub_explicit(volatile atomic<T>* object, not_deduced<T> x, memory_order) {
  return __atomic_fetch_sub(&object->bits, x, __ATOMIC_RELAXED);
}
inline float atomic_fetch_add_explicit(volatile atomic<float>* object, float x, memory_order) {
  return update_atomic(object, [x](float old) { return old + x; });
}
inline float atomic_fetch_sub_explicit(volatile atomic<float>* object, float x, memory_order) {
  return update_atomic(object, [x](float old) { return old - x; });
}
template <class T, std::enable_if_t<is_word<T>, int> = 0>
inline T atomic_fetch_and_explicit(volatile atomic<T>* object, not_deduced<T> x, memory_order) {
  return __atomic_fetch_and(&object->bits, x, __ATOMIC_RELAXED);
}
template <class T, std::enable_if_t<is_word<T>, int> = 0>
inline T atomic_fetch_or_explicit(volatile atomic<T>* object, not_deduced<T> x, memory_order) {
  return __atomic_fetch_or(&object->bits, x, __ATOMIC_RELAXED);
}
template <class T, std::enable_if_t<is_word<T>, int> = 0>
inline T atomic_fetch_xor_explicit(volatile atomic<T>* object, not_deduced<T> x, memory_order) {
  return __atomic_fetch_xor(&object->bits, x, __ATOMIC_RELAXED);
}
template <class T, std::enable_if_t<is_word<T>, int> = 0>
inline T atomic_fetch_min_explicit(volatile atomic<T>* object, not_deduced<T> x, memory_order) {
  return update_atomic(object, [x](T old) { return x < old ? x : old; });
}
template <class T, std::enable_if_t<is_word<T>, int> = 0>
inline T atomic_fetch_max_explicit(volatile atomic<T>* object, not_deduced<T> x, memory_order) {
  return update_atomic(object, [x](T old) { return old < x ? x : old; });
}
// 64 bits: without a result (section 6.15.4.6).
inline void atomic_min_explicit(volatile atomic<ulong>* object, ulong x, memory_order) {
  update_atomic(object, [x](ulong old) { return x < old ? x : old; });
}
inline void atomic_max_explicit(volatile atomic<ulong>* object, ulong x, memory_order) {
  update_atomic(object, [x](ulong old) { return old < x ? x : old; });
}

}  // namespace metal

using metal::atomic_bool;
using metal::atomic_float;
using metal::atomic_int;
using metal::atomic_uint;
using metal::atomic_ulong;
