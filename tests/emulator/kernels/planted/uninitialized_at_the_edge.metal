// The last threadgroup is smaller, and its tile is summed to the full size.
// launch: grid 80, threadgroup 64
// buffers: values float[80], out float[2]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]],
                    uint i [[thread_position_in_grid]],
                    uint g [[threadgroup_position_in_grid]],
                    uint size [[threads_per_threadgroup]]) {
  threadgroup float tile[64];
  tile[t] = values[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float sum = 0;
  if (t == 0) {
    for (uint k = 0; k < 64; ++k) sum += tile[k];  // finds: uninitialized read tile[16]
    out[g] = sum;
  }
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]],
                      uint i [[thread_position_in_grid]],
                      uint g [[threadgroup_position_in_grid]],
                      uint size [[threads_per_threadgroup]]) {
  threadgroup float tile[64];
  tile[t] = values[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float sum = 0;
  if (t == 0) {
    for (uint k = 0; k < size; ++k) sum += tile[k];
    out[g] = sum;
  }
}
