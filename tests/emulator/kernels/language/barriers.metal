// Barriers (specification, section 6.9.1).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void barrier_reverses(device const int* in [[buffer(1)]], device int* out [[buffer(0)]],
                                 uint i [[thread_index_in_threadgroup]],
                                 uint n [[threads_per_threadgroup]]) {
  threadgroup int shared[256];
  shared[i] = in[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[i] = shared[n - 1 - i];
}

[[kernel]] void barrier_in_a_loop(device const int* in [[buffer(1)]],
                                  device int* out [[buffer(0)]],
                                  uint i [[thread_index_in_threadgroup]],
                                  uint n [[threads_per_threadgroup]]) {
  threadgroup int shared[256];
  shared[i] = in[i];
  for (uint stride = n / 2; stride > 0; stride /= 2) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (i < stride) shared[i] += shared[i + stride];
  }
  if (i == 0) out[0] = shared[0];
}

[[kernel]] void barrier_on_device_memory(device int* out [[buffer(0)]],
                                         uint i [[thread_index_in_threadgroup]],
                                         uint n [[threads_per_threadgroup]]) {
  out[i] = i;
  threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
  int other = out[(i + 1) % n];
  threadgroup_barrier(mem_flags::mem_device);
  out[i] = other;
}

[[kernel]] void barrier_of_a_simdgroup(device const int* in [[buffer(1)]],
                                       device int* out [[buffer(0)]],
                                       uint i [[thread_index_in_threadgroup]],
                                       uint lane [[thread_index_in_simdgroup]]) {
  threadgroup int shared[64];
  shared[i] = in[i];
  simdgroup_barrier(mem_flags::mem_threadgroup);
  out[i] = shared[i - lane + 31 - lane];
}
