// A reduction reads what its neighbours store, with no barrier between.
// launch: grid 1024, threadgroup 256
// buffers: values float[1024], out float[4]
#include <metal_stdlib>
using namespace metal;

template <bool safe>
void reduce(device const float* values, device float* out, threadgroup float* tile, uint t, uint i,
            uint g) {
  tile[t] = values[i];
  if (safe) threadgroup_barrier(mem_flags::mem_threadgroup);
  float sum = 0;
  if (t == 0) {
    for (uint k = 0; k < 256; ++k) sum += tile[k];  // finds: race tile
    out[g] = sum;
  }
}

kernel void planted(device const float* values [[buffer(0)]], device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]], uint i [[thread_position_in_grid]],
                    uint g [[threadgroup_position_in_grid]]) {
  threadgroup float tile[256];
  reduce<false>(values, out, tile, t, i, g);
}

kernel void corrected(device const float* values [[buffer(0)]], device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]], uint i [[thread_position_in_grid]],
                      uint g [[threadgroup_position_in_grid]]) {
  threadgroup float tile[256];
  reduce<true>(values, out, tile, t, i, g);
}
