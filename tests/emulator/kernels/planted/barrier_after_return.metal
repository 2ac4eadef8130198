// Threads behind the end of the array return before the barrier.
// launch: grid 64, threadgroup 64
// buffers: values float[50], out float[50]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  if (t >= 50) return;
  tile[t] = values[t];
  threadgroup_barrier(mem_flags::mem_threadgroup);  // finds: divergent barrier
  out[t] = tile[49 - t];
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  if (t < 50) tile[t] = values[t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t < 50) out[t] = tile[49 - t];
}
