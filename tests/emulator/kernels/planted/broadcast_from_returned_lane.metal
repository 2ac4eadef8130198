// Lane 0 has returned, and the others ask it.
// launch: grid 32, threadgroup 32
// buffers: values float[32], out float[32]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint lane [[thread_index_in_simdgroup]]) {
  if (lane == 0) return;
  out[lane] = simd_broadcast(values[lane], 0);  // finds: inactive lane
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint lane [[thread_index_in_simdgroup]]) {
  const float first = simd_broadcast(values[lane], 0);
  if (lane == 0) return;
  out[lane] = first;
}
