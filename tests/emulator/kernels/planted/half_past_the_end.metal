// The elements are 2 bytes wide, and the length is counted in floats.
// launch: grid 64, threadgroup 64
// buffers: values half[32], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const half* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  out[i] = float(values[i]);  // finds: out-of-bounds read values[32]
}

kernel void corrected(device const half* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  out[i] = i < 32 ? float(values[i]) : 0.0f;
}
