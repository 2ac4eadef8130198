// A window that begins left of the array.
// launch: grid 100, threadgroup 32
// buffers: values float[100], out float[100]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  out[i] = values[int(i) - 3];  // finds: out-of-bounds read values[-3]
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  out[i] = values[max(int(i) - 3, 0)];
}
