// Reductions and scans of simdgroups and quadgroups (specification, sections 6.9.2 and 6.9.3).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

#define REDUCTION(name, T)                                                    \
  [[kernel]] void group_##name(device const T* in [[buffer(1)]],              \
                               device T* out [[buffer(0)]],                   \
                               uint i [[thread_position_in_grid]]) {          \
    out[i] = name(in[i]);                                                     \
  }
REDUCTION(simd_sum, int) REDUCTION(simd_product, float) REDUCTION(simd_min, short)
REDUCTION(simd_max, float) REDUCTION(simd_and, uint) REDUCTION(simd_or, uint)
REDUCTION(simd_xor, uchar)
REDUCTION(simd_prefix_inclusive_sum, int) REDUCTION(simd_prefix_exclusive_sum, int)
REDUCTION(simd_prefix_inclusive_product, float) REDUCTION(simd_prefix_exclusive_product, float)
REDUCTION(simd_broadcast_first, int)
REDUCTION(quad_sum, int) REDUCTION(quad_product, int) REDUCTION(quad_min, int)
REDUCTION(quad_max, int) REDUCTION(quad_and, uint) REDUCTION(quad_or, uint) REDUCTION(quad_xor, uint)
REDUCTION(quad_prefix_inclusive_sum, int) REDUCTION(quad_prefix_exclusive_product, int)
