// A sum that starts from whatever the register holds.
// launch: grid 64, threadgroup 64
// buffers: values float[256], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  float sum;  // finds: uninitialized thread memory
  for (uint k = 0; k < 4; ++k) sum += values[4 * i + k];
  out[i] = sum;
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  float sum = 0;
  for (uint k = 0; k < 4; ++k) sum += values[4 * i + k];
  out[i] = sum;
}
