// A counter in threadgroup memory is added to before anyone sets it to 0.
// launch: grid 64, threadgroup 64
// buffers: values float[64], out uint[1]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device uint* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup atomic_uint count;
  if (values[t] > 2) {
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);  // finds: uninitialized read count
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t == 0) out[0] = atomic_load_explicit(&count, memory_order_relaxed);
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device uint* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup atomic_uint count;
  if (t == 0) atomic_store_explicit(&count, 0, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (values[t] > 2) {
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t == 0) out[0] = atomic_load_explicit(&count, memory_order_relaxed);
}
