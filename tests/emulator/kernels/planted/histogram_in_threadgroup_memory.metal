// Threads of one threadgroup count with ++.
// launch: grid 64, threadgroup 64
// buffers: values float[64], out uint[8]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device uint* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup uint counts[8];
  if (t < 8) counts[t] = 0;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  counts[uint(values[t])] += 1;  // finds: race counts
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t < 8) out[t] = counts[t];
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device uint* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup atomic_uint counts[8];
  if (t < 8) atomic_store_explicit(&counts[t], 0, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  atomic_fetch_add_explicit(&counts[uint(values[t])], 1, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (t < 8) out[t] = atomic_load_explicit(&counts[t], memory_order_relaxed);
}
