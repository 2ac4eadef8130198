// Two halves of a tile take turns, and one turn is not waited for.
// launch: grid 64, threadgroup 64
// buffers: values float[256], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[2][64];
  float sum = 0;
  for (uint block = 0; block < 4; ++block) {
    tile[block % 2][t] = values[block * 64 + t];
    sum += tile[block % 2][63 - t];  // finds: race tile
  }
  out[t] = sum;
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[2][64];
  float sum = 0;
  for (uint block = 0; block < 4; ++block) {
    tile[block % 2][t] = values[block * 64 + t];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    sum += tile[block % 2][63 - t];
  }
  out[t] = sum;
}
