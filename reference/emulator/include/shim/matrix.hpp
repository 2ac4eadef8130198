// Matrices (specification, sections 2.3, 3.2 and 6.6): arrays of columns.
#pragma once
#pragma GCC system_header

#include "geometric.hpp"

namespace metal {

template <class T, int C, int R>
struct matrix {
  using value_type = T;
  vec<T, R> columns[C];

  constexpr matrix() : columns{} {
    for (int c = 0; c < C; ++c) columns[c] = vec<T, R>(T(0));
  }
  // A scalar goes to the diagonal.
  template <class S, std::enable_if_t<is_scalar_type<S>, int> = 0>
  constexpr explicit matrix(S diagonal) : matrix() {
    for (int i = 0; i < (C < R ? C : R); ++i) columns[i][i] = static_cast<T>(diagonal);
  }
  // Columns, or all elements column by column.
  template <class A, class B, class... More,
            std::enable_if_t<total_components<A, B, More...>() == C * R, int> = 0>
  constexpr matrix(const A& a, const B& b, const More&... more) : columns{} {
    int next = 0;
    place(next, a);
    place(next, b);
    (place(next, more), ...);
  }
  template <class U>
  constexpr explicit matrix(const matrix<U, C, R>& other) : columns{} {
    for (int c = 0; c < C; ++c) columns[c] = vec<T, R>(other.columns[c]);
  }

  constexpr vec<T, R>& operator[](int c) { return columns[c]; }
  constexpr const vec<T, R>& operator[](int c) const { return columns[c]; }

 private:
  template <class A>
  constexpr void place(int& next, const A& a) {
    if constexpr (is_vector_value<A>) {
      const vector_of<A>& value = a;
      for (int i = 0; i < vector_of<A>::N; ++i, ++next) columns[next / R][next % R] = value[i];
    } else {
      columns[next / R][next % R] = static_cast<T>(a);
      ++next;
    }
  }
};

template <class T, int C, int R>
constexpr matrix<T, C, R> operator+(const matrix<T, C, R>& a, const matrix<T, C, R>& b) {
  matrix<T, C, R> result;
  for (int c = 0; c < C; ++c) result[c] = a[c] + b[c];
  return result;
}
template <class T, int C, int R>
constexpr matrix<T, C, R> operator-(const matrix<T, C, R>& a, const matrix<T, C, R>& b) {
  matrix<T, C, R> result;
  for (int c = 0; c < C; ++c) result[c] = a[c] - b[c];
  return result;
}
template <class T, int C, int R>
constexpr matrix<T, C, R> operator-(const matrix<T, C, R>& a) {
  return a * T(-1);
}
template <class T, int C, int R>
constexpr matrix<T, C, R> operator*(const matrix<T, C, R>& a, not_deduced<T> s) {
  matrix<T, C, R> result;
  for (int c = 0; c < C; ++c) result[c] = a[c] * s;
  return result;
}
template <class T, int C, int R>
constexpr matrix<T, C, R> operator*(not_deduced<T> s, const matrix<T, C, R>& a) {
  return a * s;
}
// Products add up in the order of the summed index.
template <class T, int C, int R>
constexpr vec<T, R> operator*(const matrix<T, C, R>& a, const not_deduced<vec<T, C>>& v) {
  vec<T, R> result = a[0] * v[0];
  for (int c = 1; c < C; ++c) result += a[c] * v[c];
  return result;
}
template <class T, int C, int R>
inline vec<T, C> operator*(const not_deduced<vec<T, R>>& v, const matrix<T, C, R>& a) {
  vec<T, C> result;
  for (int c = 0; c < C; ++c) result[c] = dot(v, a[c]);
  return result;
}
template <class T, int C, int R, int K>
constexpr matrix<T, C, R> operator*(const matrix<T, K, R>& a, const matrix<T, C, K>& b) {
  matrix<T, C, R> result;
  for (int c = 0; c < C; ++c) result[c] = a * b[c];
  return result;
}
#define MACCORD_COMPOUND(op)                                                                      \
  template <class T, int C, int R, class B>                                                       \
  constexpr matrix<T, C, R>& operator op##=(matrix<T, C, R>& a, const B& b) {                     \
    return a = a op b;                                                                            \
  }
MACCORD_COMPOUND(+)
MACCORD_COMPOUND(-)
MACCORD_COMPOUND(*)
#undef MACCORD_COMPOUND
template <class T, int C, int R>
constexpr bool operator==(const matrix<T, C, R>& a, const matrix<T, C, R>& b) {
  bool same = true;
  for (int c = 0; c < C; ++c) same = same && all(a[c] == b[c]);
  return same;
}
template <class T, int C, int R>
constexpr bool operator!=(const matrix<T, C, R>& a, const matrix<T, C, R>& b) {
  return !(a == b);
}

template <class T, int C, int R>
constexpr matrix<T, R, C> transpose(const matrix<T, C, R>& a) {
  matrix<T, R, C> result;
  for (int c = 0; c < C; ++c) {
    for (int r = 0; r < R; ++r) result[r][c] = a[c][r];
  }
  return result;
}

template <class T>
constexpr T determinant(const matrix<T, 2, 2>& a) {
  return a[0][0] * a[1][1] - a[1][0] * a[0][1];
}
template <class T>
inline T determinant(const matrix<T, 3, 3>& a) {
  return dot(a[0], cross(a[1], a[2]));
}
template <class T>
inline T determinant(const matrix<T, 4, 4>& a) {
  T sum = T(0);
  for (int c = 0; c < 4; ++c) {  // along the first row
    matrix<T, 3, 3> minor;
    for (int i = 0, k = 0; i < 4; ++i) {
      if (i != c) minor[k++] = vec<T, 3>(a[i].yzw);
    }
    const T term = a[c][0] * determinant(minor);
    sum = c % 2 == 0 ? sum + term : sum - term;
  }
  return sum;
}

#define MACCORD_MATRICES(T)                                                                       \
  using T##2x2 = matrix<T, 2, 2>;                                                                 \
  using T##2x3 = matrix<T, 2, 3>;                                                                 \
  using T##2x4 = matrix<T, 2, 4>;                                                                 \
  using T##3x2 = matrix<T, 3, 2>;                                                                 \
  using T##3x3 = matrix<T, 3, 3>;                                                                 \
  using T##3x4 = matrix<T, 3, 4>;                                                                 \
  using T##4x2 = matrix<T, 4, 2>;                                                                 \
  using T##4x3 = matrix<T, 4, 3>;                                                                 \
  using T##4x4 = matrix<T, 4, 4>;
MACCORD_MATRICES(float)
MACCORD_MATRICES(half)
#undef MACCORD_MATRICES

}  // namespace metal

#define MACCORD_MATRICES(T)                                                                       \
  using metal::T##2x2;                                                                            \
  using metal::T##2x3;                                                                            \
  using metal::T##2x4;                                                                            \
  using metal::T##3x2;                                                                            \
  using metal::T##3x3;                                                                            \
  using metal::T##3x4;                                                                            \
  using metal::T##4x2;                                                                            \
  using metal::T##4x3;                                                                            \
  using metal::T##4x4;
MACCORD_MATRICES(float)
MACCORD_MATRICES(half)
#undef MACCORD_MATRICES
