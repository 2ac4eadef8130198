// How a function of scalars becomes one of vectors: component by component, scalars spread.
#pragma once
#pragma GCC system_header

#include "vector_operators.hpp"

#define MACCORD_LIFT1(name)                                                                       \
  template <class A, class V = vector_of<A>>                                                      \
  inline V name(const A& x) {                                                                     \
    const V a(x);                                                                                 \
    return generate_vector<V>(                                                                    \
        [&](int i) { return static_cast<typename V::value_type>(name(a.all[i])); });              \
  }
#define MACCORD_LIFT2(name)                                                                       \
  template <class A, class B, class V = common_vector<A, B>>                                      \
  inline V name(const A& x, const B& y) {                                                         \
    const V a(x), b(y);                                                                           \
    return generate_vector<V>(                                                                    \
        [&](int i) { return static_cast<typename V::value_type>(name(a.all[i], b.all[i])); });    \
  }
#define MACCORD_LIFT3(name)                                                                       \
  template <class A, class B, class C, class V = common_vector3<A, B, C>>                         \
  inline V name(const A& x, const B& y, const C& z) {                                             \
    const V a(x), b(y), c(z);                                                                     \
    return generate_vector<V>([&](int i) {                                                        \
      return static_cast<typename V::value_type>(name(a.all[i], b.all[i], c.all[i]));             \
    });                                                                                           \
  }
// A predicate: the result has components of another type.
#define MACCORD_LIFT1_TO(R, name)                                                                 \
  template <class A, class V = vector_of<A>>                                                      \
  inline vec<R, V::N> name(const A& x) {                                                          \
    const V a(x);                                                                                 \
    return generate_vector<vec<R, V::N>>([&](int i) { return static_cast<R>(name(a.all[i])); });  \
  }
#define MACCORD_LIFT2_TO(R, name)                                                                 \
  template <class A, class B, class V = common_vector<A, B>>                                      \
  inline vec<R, V::N> name(const A& x, const B& y) {                                              \
    const V a(x), b(y);                                                                           \
    return generate_vector<vec<R, V::N>>(                                                         \
        [&](int i) { return static_cast<R>(name(a.all[i], b.all[i])); });                         \
  }
