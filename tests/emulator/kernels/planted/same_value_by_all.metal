// Every thread sets one flag to the same value: a race in Metal all the same.
// launch: grid 64, threadgroup 64
// buffers: values float[64], out uint[1]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device uint* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  if (values[i] >= 0) out[0] = 1;  // finds: race out[0]
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device uint* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  device atomic_uint* flag = reinterpret_cast<device atomic_uint*>(out);
  if (values[i] >= 0) atomic_store_explicit(flag, 1, memory_order_relaxed);
}
