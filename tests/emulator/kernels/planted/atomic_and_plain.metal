// A counter is added to atomically and read plainly meanwhile.
// launch: grid 64, threadgroup 64
// buffers: count uint[1], out uint[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device uint* count [[buffer(0)]],
                    device uint* out [[buffer(1)]],
                    uint i [[thread_position_in_grid]]) {
  device atomic_uint* counter = reinterpret_cast<device atomic_uint*>(count);
  atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
  out[i] = count[0] > 0;  // finds: race count[0]
}

kernel void corrected(device uint* count [[buffer(0)]],
                      device uint* out [[buffer(1)]],
                      uint i [[thread_position_in_grid]]) {
  device atomic_uint* counter = reinterpret_cast<device atomic_uint*>(count);
  atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
  out[i] = atomic_load_explicit(counter, memory_order_relaxed) > 0;
}
