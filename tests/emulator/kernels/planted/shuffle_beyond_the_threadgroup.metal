// A threadgroup of 48 threads has half a simdgroup, and its lanes ask those that are not there.
// launch: grid 48, threadgroup 48
// buffers: values float[48], out float[48]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]],
                    uint lane [[thread_index_in_simdgroup]]) {
  out[i] = simd_shuffle_down(values[i], 8);  // finds: inactive lane
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]],
                      uint lane [[thread_index_in_simdgroup]]) {
  out[i] = simd_shuffle_xor(values[i], 8);
}
