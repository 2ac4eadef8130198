// Geometric functions (specification, section 6.8); sums go from the first component to the last.
#pragma once
#pragma GCC system_header

#include "math.hpp"

namespace metal {

template <class A, class B, class V = common_vector<A, B>>
inline typename V::value_type dot(const A& x, const B& y) {
  using T = typename V::value_type;
  const V a(x), b(y);
  T sum = static_cast<T>(a.all[0] * b.all[0]);
  for (int i = 1; i < V::N; ++i) sum = static_cast<T>(sum + static_cast<T>(a.all[i] * b.all[i]));
  return sum;
}

template <class A, class V = vector_of<A>>
inline typename V::value_type length_squared(const A& x) {
  return dot(x, x);
}

template <class A, class V = vector_of<A>>
inline typename V::value_type length(const A& x) {
  return static_cast<typename V::value_type>(sqrt(dot(x, x)));
}

template <class A, class B, class V = common_vector<A, B>>
inline typename V::value_type distance_squared(const A& x, const B& y) {
  return length_squared(static_cast<V>(x) - static_cast<V>(y));
}

template <class A, class B, class V = common_vector<A, B>>
inline typename V::value_type distance(const A& x, const B& y) {
  return length(static_cast<V>(x) - static_cast<V>(y));
}

template <class A, class V = vector_of<A>>
inline V normalize(const A& x) {
  const V a(x);
  return a * static_cast<typename V::value_type>(rsqrt(dot(a, a)));
}

template <class A, class B, class V = common_vector<A, B>,
          std::enable_if_t<V::N == 3, int> = 0>
inline V cross(const A& x, const B& y) {
  const V a(x), b(y);
  return V(a.yzx) * V(b.zxy) - V(a.zxy) * V(b.yzx);
}

template <class A, class B, class C, class V = common_vector3<A, B, C>>
inline V faceforward(const A& n, const B& incident, const C& reference) {
  const V normal(n);
  return dot(reference, incident) < typename V::value_type(0) ? normal : -normal;
}

template <class A, class B, class V = common_vector<A, B>>
inline V reflect(const A& incident, const B& n) {
  using T = typename V::value_type;
  return V(incident) - V(n) * static_cast<T>(T(2) * dot(n, incident));
}

template <class A, class B, class V = common_vector<A, B>>
inline V refract(const A& incident, const B& n, typename V::value_type eta) {
  using T = typename V::value_type;
  const T d = dot(n, incident);
  const T k = static_cast<T>(T(1) - eta * eta * (T(1) - d * d));
  if (k < T(0)) return V(T(0));
  return V(incident) * eta - V(n) * static_cast<T>(eta * d + static_cast<T>(sqrt(k)));
}

namespace precise {
using metal::distance;
using metal::length;
using metal::normalize;
}  // namespace precise
namespace fast {
using metal::distance;
using metal::length;
using metal::normalize;
}  // namespace fast

}  // namespace metal
