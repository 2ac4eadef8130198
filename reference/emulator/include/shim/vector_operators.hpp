// Operators of vectors (specification, section 3.1): component by component, a scalar operand is
// spread, the result of a component has the component's type.
#pragma once
#pragma GCC system_header

#include "vector.hpp"

namespace metal {

// Of a shift count only as many low bits count as the component's width needs.
template <int bits, class T>
constexpr T low_bits(T count) {
  return static_cast<T>(count & static_cast<T>(bits - 1));
}

#define MACCORD_ARITHMETIC(op)                                                                    \
  MACCORD_BINARY(op, a.all[i] op b.all[i])
#define MACCORD_SHIFT(op)                                                                         \
  MACCORD_BINARY(op, a.all[i] op low_bits<sizeof(T) * 8>(b.all[i]))
#define MACCORD_BINARY(op, expression)                                                            \
  template <class A, class B, class V = common_vector<A, B>>                                      \
  constexpr V operator op(const A& left, const B& right) {                                        \
    using T = typename V::value_type;                                                             \
    const V a(left), b(right);                                                                    \
    return generate_vector<V>([&](int i) { return static_cast<T>(expression); });                 \
  }                                                                                               \
  template <class A, class B, class V = vector_of<A>,                                             \
            std::enable_if_t<std::is_same_v<common_vector<A, B>, V>, int> = 0>                    \
  constexpr A& operator op##=(A& left, const B& right) {                                          \
    return left = static_cast<const V&>(left op right);                                           \
  }
MACCORD_ARITHMETIC(+)
MACCORD_ARITHMETIC(-)
MACCORD_ARITHMETIC(*)
MACCORD_ARITHMETIC(/)
MACCORD_ARITHMETIC(%)
MACCORD_ARITHMETIC(&)
MACCORD_ARITHMETIC(|)
MACCORD_ARITHMETIC(^)
MACCORD_SHIFT(<<)
MACCORD_SHIFT(>>)
#undef MACCORD_SHIFT
#undef MACCORD_ARITHMETIC
#undef MACCORD_BINARY

#define MACCORD_COMPARISON(op)                                                                    \
  template <class A, class B, class V = common_vector<A, B>>                                      \
  constexpr vec<bool, V::N> operator op(const A& left, const B& right) {                          \
    const V a(left), b(right);                                                                    \
    return generate_vector<vec<bool, V::N>>([&](int i) -> bool { return a.all[i] op b.all[i]; }); \
  }
MACCORD_COMPARISON(==)
MACCORD_COMPARISON(!=)
MACCORD_COMPARISON(<)
MACCORD_COMPARISON(<=)
MACCORD_COMPARISON(>)
MACCORD_COMPARISON(>=)
MACCORD_COMPARISON(&&)
MACCORD_COMPARISON(||)
#undef MACCORD_COMPARISON

template <class A, class V = vector_of<A>>
constexpr V operator+(const A& value) {
  return value;
}

template <class A, class V = vector_of<A>>
constexpr V operator-(const A& value) {
  const V a(value);
  return generate_vector<V>([&](int i) { return static_cast<typename V::value_type>(-a.all[i]); });
}

template <class A, class V = vector_of<A>>
constexpr V operator~(const A& value) {
  const V a(value);
  return generate_vector<V>([&](int i) { return static_cast<typename V::value_type>(~a.all[i]); });
}

template <class A, class V = vector_of<A>>
constexpr vec<bool, V::N> operator!(const A& value) {
  const V a(value);
  return generate_vector<vec<bool, V::N>>([&](int i) -> bool { return !a.all[i]; });
}

template <class A, class V = vector_of<A>>
constexpr A& operator++(A& value) {
  return value += typename V::value_type(1);
}

template <class A, class V = vector_of<A>>
constexpr A& operator--(A& value) {
  return value -= typename V::value_type(1);
}

template <class A, class V = vector_of<A>>
constexpr V operator++(A& value, int) {
  const V before = value;
  ++value;
  return before;
}

template <class A, class V = vector_of<A>>
constexpr V operator--(A& value, int) {
  const V before = value;
  --value;
  return before;
}

}  // namespace metal
