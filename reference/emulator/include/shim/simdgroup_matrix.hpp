// Matrices of 8 by 8 that a simdgroup holds together (specification, sections 2.4 and 6.7): each
// lane two neighbours of a row, placed as on Apple's GPUs, which kernels rely on where they use
// thread_elements().
#pragma once
#pragma GCC system_header

#include "simdgroup.hpp"
#include "vector_names.hpp"

namespace metal {

template <class T, int Cols, int Rows = Cols>
struct simdgroup_matrix {
  static_assert(Cols == 8 && Rows == 8, "Metal has simdgroup matrices of 8 by 8");
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, half> || std::is_same_v<T, bfloat>,
                "a simdgroup matrix has elements of type half, bfloat or float");
  using storage_type = vec<T, 2>;

  simdgroup_matrix() = default;
  // The diagonal matrix.
  explicit simdgroup_matrix(T diagonal) {
    for (int i = 0; i < 2; ++i) own_[i] = row() == column() + i ? diagonal : T(0);
  }
  storage_type& thread_elements() { return own_; }
  const storage_type& thread_elements() const { return own_; }

  // Where the first of the two elements of a lane is; the second is right of it.
  static constexpr int row(uint lane) { return ((lane >> 2) & 4u) + ((lane >> 1) & 3u); }
  static constexpr int column(uint lane) { return ((lane >> 1) & 4u) + (lane & 1u) * 2; }
  static int row() { return row(metal_emulator::current().thread_index_in_simdgroup); }
  static int column() { return column(metal_emulator::current().thread_index_in_simdgroup); }
  // The lane that holds the element, of which it is the first or the second.
  static constexpr int lane_of(int row, int column) {
    return ((row & 4) << 2) | ((row & 3) << 1) | ((column & 4) << 1) | ((column >> 1) & 1);
  }

 private:
  storage_type own_;
};

using simdgroup_float8x8 = simdgroup_matrix<float, 8, 8>;
using simdgroup_half8x8 = simdgroup_matrix<half, 8, 8>;
using simdgroup_bfloat8x8 = simdgroup_matrix<bfloat, 8, 8>;

template <class T, int Cols, int Rows = Cols>
inline simdgroup_matrix<T, Cols, Rows> make_filled_simdgroup_matrix(T value) {
  simdgroup_matrix<T, Cols, Rows> result;
  result.thread_elements() = vec<T, 2>(value);
  return result;
}

template <class T, int Cols, int Rows = Cols>
inline simdgroup_matrix<T, Cols, Rows> make_diagonal_simdgroup_matrix(T value) {
  return simdgroup_matrix<T, Cols, Rows>(value);
}

// The offset of the element in memory where rows lie `elements_per_row` apart.
inline ulong element_offset(int row, int column, ulong elements_per_row, ulong2 origin,
                            bool transposed) {
  if (transposed) {
    const int swapped = row;
    row = column;
    column = swapped;
  }
  return (origin.y + row) * elements_per_row + origin.x + column;
}

template <class T, int C, int R>
inline void simdgroup_load(simdgroup_matrix<T, C, R>& d, const volatile not_deduced<T>* source,
                           ulong elements_per_row = C, ulong2 matrix_origin = 0,
                           bool transpose_matrix = false) {
  const int row = d.row(), column = d.column();
  const T* from = const_cast<const T*>(source);
  for (int i = 0; i < 2; ++i) {
    d.thread_elements()[i] =
        from[element_offset(row, column + i, elements_per_row, matrix_origin, transpose_matrix)];
  }
}

template <class T, int C, int R>
inline void simdgroup_store(const simdgroup_matrix<T, C, R>& a,
                            volatile not_deduced<T>* destination, ulong elements_per_row = C,
                            ulong2 matrix_origin = 0, bool transpose_matrix = false) {
  const int row = a.row(), column = a.column();
  T* to = const_cast<T*>(destination);
  for (int i = 0; i < 2; ++i) {
    to[element_offset(row, column + i, elements_per_row, matrix_origin, transpose_matrix)] =
        a.thread_elements()[i];
  }
}

// d = a b + c: products and sums in float, from the first to the last, rounded once to d's type.
template <class D, class A, class B, class C>
MACCORD_UNCHECKED inline void simdgroup_multiply_accumulate(simdgroup_matrix<D, 8, 8>& d,
                                                            const simdgroup_matrix<A, 8, 8>& a,
                                                            const simdgroup_matrix<B, 8, 8>& b,
                                                            const simdgroup_matrix<C, 8, 8>& c) {
  struct Operands {
    Carried<vec<A, 2>> a;
    Carried<vec<B, 2>> b;
  };
  uint32_t active = 0;
  const Operands mine{a.thread_elements().whole, b.thread_elements().whole};
  const Operands* all = metal_emulator::exchange(mine, active);
  if (active != 0xffffffffu) {
    metal_emulator::inactive_lane("simdgroup_multiply_accumulate", __builtin_ctz(~active));
  }
  const int row = d.row(), column = d.column();
  float sum[2] = {static_cast<float>(c.thread_elements()[0]),
                  static_cast<float>(c.thread_elements()[1])};
  for (int k = 0; k < 8; ++k) {
    const float left = static_cast<float>(all[d.lane_of(row, k)].a.all[k & 1]);
    const auto& right = all[d.lane_of(k, column)].b.all;
    sum[0] += left * static_cast<float>(right[0]);
    sum[1] += left * static_cast<float>(right[1]);
  }
  d.thread_elements() = vec<D, 2>::of(sum[0], sum[1]);
}

template <class D, class A, class B>
inline void simdgroup_multiply(simdgroup_matrix<D, 8, 8>& d, const simdgroup_matrix<A, 8, 8>& a,
                               const simdgroup_matrix<B, 8, 8>& b) {
  simdgroup_multiply_accumulate(d, a, b, make_filled_simdgroup_matrix<float, 8, 8>(0.0f));
}

template <class T>
inline simdgroup_matrix<T, 8, 8> operator*(const simdgroup_matrix<T, 8, 8>& a,
                                           const simdgroup_matrix<T, 8, 8>& b) {
  simdgroup_matrix<T, 8, 8> d;
  simdgroup_multiply(d, a, b);
  return d;
}

}  // namespace metal
