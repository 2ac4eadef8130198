// Attributes of the arguments of compute kernels (specification, section 5.2.3.6).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void positions_3d(device uint* out [[buffer(0)]],
                             uint3 grid [[thread_position_in_grid]],
                             uint3 group [[threadgroup_position_in_grid]],
                             uint3 local [[thread_position_in_threadgroup]],
                             uint3 size [[threads_per_grid]],
                             uint3 width [[threads_per_threadgroup]]) {
  uint index = (grid.z * size.y + grid.y) * size.x + grid.x;
  uint3 expected = group * width + local;
  out[index] = all(expected == grid) ? index + 1 : 0;
}

[[kernel]] void positions_narrow(device uint* out [[buffer(0)]],
                                 ushort2 grid [[thread_position_in_grid]],
                                 ushort2 size [[threads_per_grid]]) {
  out[grid.y * size.x + grid.x] = grid.x * 100 + grid.y;
}

[[kernel]] void sizes_of_the_dispatch(device uint* out [[buffer(0)]],
                                      uint3 threads [[threads_per_grid]],
                                      uint3 groups [[threadgroups_per_grid]],
                                      uint3 width [[threads_per_threadgroup]],
                                      uint3 asked [[dispatch_threads_per_threadgroup]],
                                      uint simd [[threads_per_simdgroup]],
                                      uint simds [[simdgroups_per_threadgroup]],
                                      uint3 grid [[thread_position_in_grid]]) {
  if (all(grid == 0)) {
    for (uint k = 0; k < 3; ++k) {
      out[k] = threads[k];
      out[3 + k] = groups[k];
      out[6 + k] = width[k];
      out[9 + k] = asked[k];
    }
    out[12] = simd;
    out[13] = simds;
  }
}

[[kernel]] void indices_in_the_threadgroup(device uint4* out [[buffer(0)]],
                                           uint3 local [[thread_position_in_threadgroup]],
                                           uint3 width [[threads_per_threadgroup]],
                                           uint index [[thread_index_in_threadgroup]],
                                           uint lane [[thread_index_in_simdgroup]],
                                           uint simd [[simdgroup_index_in_threadgroup]]) {
  uint flat = (local.z * width.y + local.y) * width.x + local.x;
  out[flat] = uint4(index, lane, simd, simd * 32 + lane);
}

[[kernel]] void indices_of_quadgroups(device uint2* out [[buffer(0)]],
                                      uint i [[thread_index_in_threadgroup]],
                                      uint lane [[thread_index_in_quadgroup]],
                                      uint quad [[quadgroup_index_in_threadgroup]]) {
  out[i] = uint2(lane, quad);
}

[[kernel]] void threadgroups_at_the_edge(device uint* out [[buffer(0)]],
                                         uint i [[thread_position_in_grid]],
                                         uint width [[threads_per_threadgroup]],
                                         uint asked [[dispatch_threads_per_threadgroup]],
                                         uint simds [[simdgroups_per_threadgroup]]) {
  out[i] = width * 10000 + asked * 10 + simds;
}
