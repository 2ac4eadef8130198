// Matrices of a simdgroup (specification, sections 2.4 and 6.7).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void matrix_load_store(device const float* in [[buffer(1)]],
                                  device float* out [[buffer(0)]]) {
  simdgroup_float8x8 m;
  simdgroup_load(m, in);
  simdgroup_store(m, out);
}

[[kernel]] void matrix_strides_and_origin(device const half* in [[buffer(1)]],
                                          device half* out [[buffer(0)]]) {
  simdgroup_half8x8 m;
  simdgroup_load(m, in, 20, ulong2(3, 2));
  simdgroup_store(m, out, 12, ulong2(1, 1));
}

[[kernel]] void matrix_transposed(device const float* in [[buffer(1)]],
                                  device float* out [[buffer(0)]]) {
  simdgroup_float8x8 m;
  simdgroup_load(m, in, 8, ulong2(0, 0), true);
  simdgroup_store(m, out);
  simdgroup_load(m, in);
  simdgroup_store(m, out + 64, 8, ulong2(0, 0), true);
}

[[kernel]] void matrix_filled_and_diagonal(device float* out [[buffer(0)]]) {
  simdgroup_float8x8 filled = make_filled_simdgroup_matrix<float, 8, 8>(2.5f);
  simdgroup_float8x8 diagonal(3.0f);
  simdgroup_store(filled, out);
  simdgroup_store(diagonal, out + 64);
}

[[kernel]] void matrix_multiply(device const float* a [[buffer(1)]],
                                device const float* b [[buffer(2)]],
                                device float* out [[buffer(0)]]) {
  simdgroup_float8x8 left, right, product;
  simdgroup_load(left, a);
  simdgroup_load(right, b);
  simdgroup_multiply(product, left, right);
  simdgroup_store(product, out);
}

[[kernel]] void matrix_multiply_accumulate(device const half* a [[buffer(1)]],
                                           device const half* b [[buffer(2)]],
                                           device float* out [[buffer(0)]]) {
  simdgroup_half8x8 left, right;
  simdgroup_float8x8 sum = make_filled_simdgroup_matrix<float, 8, 8>(1.0f);
  simdgroup_load(left, a);
  simdgroup_load(right, b);
  for (int i = 0; i < 3; ++i) simdgroup_multiply_accumulate(sum, left, right, sum);
  simdgroup_store(sum, out);
}

[[kernel]] void matrix_of_bfloat(device const float* in [[buffer(1)]],
                                 device float* out [[buffer(0)]],
                                 uint lane [[thread_index_in_simdgroup]]) {
  threadgroup bfloat tile[64];
  tile[lane] = bfloat(in[lane]);
  tile[lane + 32] = bfloat(in[lane + 32]);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  simdgroup_bfloat8x8 m;
  simdgroup_float8x8 square = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
  simdgroup_load(m, tile);
  simdgroup_multiply_accumulate(square, m, m, square);
  simdgroup_store(square, out);
}

[[kernel]] void matrix_thread_elements(device const float* in [[buffer(1)]],
                                       device float* out [[buffer(0)]],
                                       device float* held [[buffer(2)]],
                                       uint lane [[thread_index_in_simdgroup]]) {
  simdgroup_float8x8 m;
  simdgroup_load(m, in);
  held[lane * 2] = m.thread_elements()[0];
  held[lane * 2 + 1] = m.thread_elements()[1];
  m.thread_elements()[0] *= 2;
  m.thread_elements()[1] += 100;
  simdgroup_store(m, out);
}

[[kernel]] void matrix_in_threadgroup_memory(device const float* in [[buffer(1)]],
                                             device float* out [[buffer(0)]],
                                             uint lane [[thread_index_in_simdgroup]]) {
  threadgroup float tile[64];
  simdgroup_float8x8 m;
  simdgroup_load(m, in);
  simdgroup_store(m, tile);
  simdgroup_barrier(mem_flags::mem_threadgroup);
  out[lane] = tile[63 - lane];
  out[lane + 32] = tile[31 - lane];
}
