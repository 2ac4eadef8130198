// Lanes of a simdgroup do not run in lockstep: they need a simdgroup_barrier.
// launch: grid 32, threadgroup 32
// buffers: values float[32], out float[32]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[32];
  tile[t] = values[t];
  out[t] = tile[31 - t];  // finds: race tile
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[32];
  tile[t] = values[t];
  simdgroup_barrier(mem_flags::mem_threadgroup);
  out[t] = tile[31 - t];
}
