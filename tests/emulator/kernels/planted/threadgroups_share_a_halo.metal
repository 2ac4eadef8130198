// A stencil in place reads what the neighbouring threadgroup overwrites.
// launch: grid 256, threadgroup 64
// buffers: data float[256], out float[256]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device float* data [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  const float left = i > 0 ? data[i - 1] : 0.0f;
  threadgroup_barrier(mem_flags::mem_device);
  data[i] = 0.5f * (left + data[i]);  // finds: race between threadgroups data
  out[i] = left;
}

kernel void corrected(device float* data [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  const float left = i > 0 ? data[i - 1] : 0.0f;
  out[i] = 0.5f * (left + data[i]);
}
