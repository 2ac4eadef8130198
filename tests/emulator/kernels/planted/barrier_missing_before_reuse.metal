// A tile is filled again while other threads may still read it.
// launch: grid 128, threadgroup 128
// buffers: values float[512], out float[128]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[128];
  float sum = 0;
  for (uint block = 0; block < 4; ++block) {
    tile[t] = values[block * 128 + t];  // finds: race tile
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint k = 0; k < 128; ++k) sum += tile[k];
  }
  out[t] = sum;
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[128];
  float sum = 0;
  for (uint block = 0; block < 4; ++block) {
    tile[t] = values[block * 128 + t];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint k = 0; k < 128; ++k) sum += tile[k];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  out[t] = sum;
}
