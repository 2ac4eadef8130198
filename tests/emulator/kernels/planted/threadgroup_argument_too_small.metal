// The host gives less threadgroup memory than the kernel fills.
// launch: grid 64, threadgroup 64, memory tile 128
// buffers: values float[64], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    threadgroup float* tile [[threadgroup(0)]],
                    uint t [[thread_index_in_threadgroup]]) {
  tile[t] = values[t];  // finds: out-of-bounds write tile[32]
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t < 32) out[t] = tile[31 - t];
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      threadgroup float* tile [[threadgroup(0)]],
                      uint t [[thread_index_in_threadgroup]]) {
  if (t < 32) tile[t] = values[t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t < 32) out[t] = tile[31 - t];
}
