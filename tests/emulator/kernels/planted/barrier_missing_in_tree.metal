// The steps of a tree reduction are not kept apart.
// launch: grid 512, threadgroup 256
// buffers: values float[512], out float[2]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]],
                    uint i [[thread_position_in_grid]],
                    uint g [[threadgroup_position_in_grid]]) {
  threadgroup float tile[256];
  tile[t] = values[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint step = 128; step > 0; step /= 2) {
    if (t < step) tile[t] += tile[t + step];  // finds: race tile
  }
  if (t == 0) out[g] = tile[0];
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]],
                      uint i [[thread_position_in_grid]],
                      uint g [[threadgroup_position_in_grid]]) {
  threadgroup float tile[256];
  tile[t] = values[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint step = 128; step > 0; step /= 2) {
    if (t < step) tile[t] += tile[t + step];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  if (t == 0) out[g] = tile[0];
}
