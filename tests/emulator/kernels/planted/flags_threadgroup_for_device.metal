// Threads pass values through device memory behind a barrier for threadgroup memory.
// launch: grid 256, threadgroup 64
// buffers: scratch float[256], out float[256]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device float* scratch [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]],
                    uint i [[thread_position_in_grid]],
                    uint g [[threadgroup_position_in_grid]]) {
  scratch[i] = float(t);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[i] = scratch[g * 64 + 63 - t];  // finds: race scratch
}

kernel void corrected(device float* scratch [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]],
                      uint i [[thread_position_in_grid]],
                      uint g [[threadgroup_position_in_grid]]) {
  scratch[i] = float(t);
  threadgroup_barrier(mem_flags::mem_device);
  out[i] = scratch[g * 64 + 63 - t];
}
