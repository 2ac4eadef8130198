// The address space is cast away and a parameter of the caller is overwritten.
// launch: grid 32, threadgroup 32
// buffers: values float[32], out float[32]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  device float* mine = const_cast<device float*>(values);
  mine[i] *= 2;  // finds: write to read-only memory values[0]
  out[i] = mine[i];
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  out[i] = 2 * values[i];
}
