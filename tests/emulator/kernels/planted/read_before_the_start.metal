// An unsigned index of 0 minus 1.
// launch: grid 100, threadgroup 32
// buffers: values float[100], out float[100]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  out[i] = values[i] + values[i - 1];  // finds: out-of-bounds read values[4294967295]
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  out[i] = values[i] + (i > 0 ? values[i - 1] : 0.0f);
}
