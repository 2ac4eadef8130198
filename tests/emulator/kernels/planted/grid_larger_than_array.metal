// A grid that was rounded up to whole threadgroups, and no test of the position.
// launch: grid 1024, threadgroup 256
// buffers: values float[1000], out float[1000]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  out[i] = 2 * values[i];  // finds: out-of-bounds read values[1000]
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  if (i < 1000) out[i] = 2 * values[i];
}
