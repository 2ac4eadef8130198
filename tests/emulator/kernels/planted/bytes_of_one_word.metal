// Two threads store the same byte; their neighbours' bytes of one word do not clash.
// launch: grid 64, threadgroup 64
// buffers: values float[64], out uchar[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device uchar* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  out[i / 2] = uchar(values[i]);  // finds: race out
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device uchar* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  out[i] = uchar(values[i]);
}
