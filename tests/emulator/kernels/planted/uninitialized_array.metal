// An array of a thread is filled up to its last element but one.
// launch: grid 64, threadgroup 64
// buffers: values float[512], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  float row[8];  // finds: uninitialized thread memory
  for (uint k = 0; k < 7; ++k) row[k] = values[8 * i + k];
  float sum = 0;
  for (uint k = 0; k < 8; ++k) sum += row[k];
  out[i] = sum;
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  float row[8];
  for (uint k = 0; k < 8; ++k) row[k] = values[8 * i + k];
  float sum = 0;
  for (uint k = 0; k < 8; ++k) sum += row[k];
  out[i] = sum;
}
