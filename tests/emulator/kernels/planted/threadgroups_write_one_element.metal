// Every threadgroup stores its result in the same place.
// launch: grid 256, threadgroup 64
// buffers: values float[256], out float[4]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]],
                    uint i [[thread_position_in_grid]],
                    uint g [[threadgroup_position_in_grid]]) {
  const float sum = simd_sum(values[i]);
  if (t == 0) out[0] = sum;  // finds: race between threadgroups out[0]
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]],
                      uint i [[thread_position_in_grid]],
                      uint g [[threadgroup_position_in_grid]]) {
  const float sum = simd_sum(values[i]);
  if (t == 0) out[g] = sum;
}
