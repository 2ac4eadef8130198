// The last thread reads a neighbour that is not there.
// launch: grid 100, threadgroup 32
// buffers: values float[100], out float[100]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  out[i] = values[i] + values[i + 1];  // finds: out-of-bounds read values[100]
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  out[i] = values[i] + values[min(i + 1, 99u)];
}
