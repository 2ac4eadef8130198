// A simdgroup_barrier does not order two simdgroups.
// launch: grid 64, threadgroup 64
// buffers: values float[64], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  tile[t] = values[t];
  simdgroup_barrier(mem_flags::mem_threadgroup);
  out[t] = tile[63 - t];  // finds: race tile
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  tile[t] = values[t];
  simdgroup_barrier(mem_flags::mem_threadgroup);
  out[t] = tile[t / 32 * 32 + 31 - t % 32];
}
