// Threads store pairs of halves that overlap by one.
// launch: grid 63, threadgroup 63
// buffers: values float[64], out half[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device half* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  out[i] = half(values[i]);  // finds: race out
  out[i + 1] = half(values[i + 1]);
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device half* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  out[i] = half(values[i]);
  if (i == 62) out[63] = half(values[63]);
}
