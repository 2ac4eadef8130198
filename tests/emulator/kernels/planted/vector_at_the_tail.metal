// Whole float4s of an array whose length is no multiple of 4.
// launch: grid 64, threadgroup 64
// buffers: values float[254], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float4* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  const float4 v = values[i];  // finds: out-of-bounds read values[254]
  out[i] = v.x + v.y + v.z + v.w;
}

kernel void corrected(device const float4* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  if (i < 63) {
    const float4 v = values[i];
    out[i] = v.x + v.y + v.z + v.w;
  } else {
    device const float* tail = reinterpret_cast<device const float*>(values + i);
    out[i] = tail[0] + tail[1];
  }
}
