// A tile has no room for the neighbour of the last thread.
// launch: grid 64, threadgroup 64
// buffers: values float[64], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  tile[t] = values[t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[t] = tile[t] + tile[t + 1];  // finds: out-of-bounds read tile[64]
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[65];
  tile[t] = values[t];
  if (t == 0) tile[64] = 0;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[t] = tile[t] + tile[t + 1];
}
