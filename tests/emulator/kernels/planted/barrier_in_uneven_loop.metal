// The number of rounds, each with a barrier, depends on the thread.
// launch: grid 64, threadgroup 64
// buffers: values float[64], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  tile[t] = values[t];
  for (uint round = 0; round <= t / 32; ++round) {
    threadgroup_barrier(mem_flags::mem_threadgroup);  // finds: divergent barrier
  }
  out[t] = tile[t];
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  tile[t] = values[t];
  for (uint round = 0; round < 2; ++round) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  out[t] = tile[t];
}
