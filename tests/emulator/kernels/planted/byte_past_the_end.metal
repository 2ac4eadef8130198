// A row of packed bytes is read with the stride of the next larger row.
// launch: grid 16, threadgroup 16
// buffers: values uchar[60], out uint[16]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const uchar* values [[buffer(0)]],
                    device uint* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  uint sum = 0;
  for (uint k = 0; k < 4; ++k) sum += values[i * 4 + k];  // finds: out-of-bounds read values[60]
  out[i] = sum;
}

kernel void corrected(device const uchar* values [[buffer(0)]],
                      device uint* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  uint sum = 0;
  for (uint k = 0; k < 4 && i * 4 + k < 60; ++k) sum += values[i * 4 + k];
  out[i] = sum;
}
