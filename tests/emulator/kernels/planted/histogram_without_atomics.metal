// Threads of all threadgroups count with ++.
// launch: grid 256, threadgroup 64
// buffers: values float[256], out uint[8]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device uint* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  out[uint(values[i])] += 1;  // finds: race out
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device uint* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  device atomic_uint* counts = reinterpret_cast<device atomic_uint*>(out);
  atomic_fetch_add_explicit(&counts[uint(values[i])], 1, memory_order_relaxed);
}
