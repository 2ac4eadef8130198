// Half of the threads never reach the barrier.
// launch: grid 64, threadgroup 64
// buffers: values float[64], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  tile[t] = values[t];
  if (t < 32) {
    threadgroup_barrier(mem_flags::mem_threadgroup);  // finds: divergent barrier
    out[t] = tile[31 - t];
  }
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  tile[t] = values[t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t < 32) {
    out[t] = tile[31 - t];
  }
}
