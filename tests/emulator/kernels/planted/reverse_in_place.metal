// Each thread writes where another one reads.
// launch: grid 64, threadgroup 64
// buffers: data float[64], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device float* data [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  data[i] = data[63 - i];  // finds: race data
  out[i] = 0;
}

kernel void corrected(device float* data [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  const float mirrored = data[63 - i];
  threadgroup_barrier(mem_flags::mem_device);
  data[i] = mirrored;
  out[i] = 0;
}
