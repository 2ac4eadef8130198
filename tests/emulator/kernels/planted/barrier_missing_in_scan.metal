// A prefix sum in one array: a thread adds to its element while its neighbour reads it.
// launch: grid 128, threadgroup 128
// buffers: values float[128], out float[128]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[128];
  tile[t] = values[t];
  for (uint step = 1; step < 128; step *= 2) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    const float before = t >= step ? tile[t - step] : 0.0f;
    tile[t] += before;  // finds: race tile
  }
  out[t] = tile[t];
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[128];
  tile[t] = values[t];
  for (uint step = 1; step < 128; step *= 2) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    const float before = t >= step ? tile[t - step] : 0.0f;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    tile[t] += before;
  }
  out[t] = tile[t];
}
