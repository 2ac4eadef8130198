// A value that only some threads set.
// launch: grid 64, threadgroup 64
// buffers: values float[64], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  float scale;  // finds: uninitialized thread memory
  if (values[i] > 2) scale = 0.5f;
  out[i] = scale * values[i];
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  float scale = 1;
  if (values[i] > 2) scale = 0.5f;
  out[i] = scale * values[i];
}
