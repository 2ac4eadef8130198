// The even lanes ask the odd ones, which are in the other branch.
// launch: grid 32, threadgroup 32
// buffers: values float[32], out float[32]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint lane [[thread_index_in_simdgroup]]) {
  float other = 0;
  if (lane % 2 == 0) {
    other = simd_shuffle(values[lane], lane + 1);  // finds: inactive lane
  }
  out[lane] = other;
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint lane [[thread_index_in_simdgroup]]) {
  const float next = simd_shuffle(values[lane], (lane + 1) % 32);
  out[lane] = lane % 2 == 0 ? next : 0.0f;
}
