// The border of a tile is read and never filled.
// launch: grid 64, threadgroup 64
// buffers: values float[64], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[66];
  tile[t + 1] = values[t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[t] = tile[t] + tile[t + 1] + tile[t + 2];  // finds: uninitialized read tile
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[66];
  tile[t + 1] = values[t];
  if (t == 0) tile[0] = tile[65] = 0;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[t] = tile[t] + tile[t + 1] + tile[t + 2];
}
