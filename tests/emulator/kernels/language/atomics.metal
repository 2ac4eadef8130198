// Atomic functions (specification, sections 2.6 and 6.15).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void atomic_store_load(device atomic_int* out [[buffer(0)]],
                                  device atomic_uint* other [[buffer(1)]],
                                  uint i [[thread_position_in_grid]]) {
  atomic_store_explicit(&out[i], -int(i), memory_order_relaxed);
  uint seen = atomic_load_explicit(&other[i], memory_order_relaxed);
  atomic_store_explicit(&other[i], seen + 1, memory_order_relaxed);
}

#define FETCH(name, T, operand)                                               \
  [[kernel]] void atomic_##name(device atomic_##T* out [[buffer(0)]],         \
                                uint i [[thread_position_in_grid]]) {         \
    atomic_##name##_explicit(out, operand, memory_order_relaxed);             \
  }
FETCH(fetch_add, int, 3) FETCH(fetch_sub, uint, 2) FETCH(fetch_and, uint, ~(1u << (i % 16)))
FETCH(fetch_or, uint, 1u << (i % 20)) FETCH(fetch_xor, uint, i) FETCH(fetch_min, int, -int(i))
FETCH(fetch_max, uint, i)

[[kernel]] void atomic_fetch_add_float(device atomic_float* out [[buffer(0)]]) {
  atomic_fetch_add_explicit(out, 0.5f, memory_order_relaxed);
}

[[kernel]] void atomic_fetch_returns_the_old(device atomic_uint* counter [[buffer(0)]],
                                             device uint* taken [[buffer(1)]]) {
  uint ticket = atomic_fetch_add_explicit(counter, 1u, memory_order_relaxed);
  taken[ticket] += 1;
}

[[kernel]] void atomic_exchange(device atomic_int* cell [[buffer(0)]],
                                device int* out [[buffer(1)]]) {
  out[0] = atomic_exchange_explicit(cell, 7, memory_order_relaxed);
  out[1] = atomic_exchange_explicit(cell, 8, memory_order_relaxed);
}

[[kernel]] void atomic_compare_exchange(device atomic_uint* cell [[buffer(0)]],
                                        device uint* out [[buffer(1)]]) {
  uint expected = 5;
  out[0] = atomic_compare_exchange_weak_explicit(cell, &expected, 6u, memory_order_relaxed,
                                                 memory_order_relaxed);
  out[1] = expected;
  expected = 1;
  while (!atomic_compare_exchange_weak_explicit(cell, &expected, expected * 10u,
                                                memory_order_relaxed, memory_order_relaxed)) {
  }
  out[2] = expected;
}

[[kernel]] void atomic_maximum_of_floats(device atomic_uint* out [[buffer(0)]],
                                         device const float* in [[buffer(1)]],
                                         uint i [[thread_position_in_grid]]) {
  atomic_fetch_max_explicit(out, as_type<uint>(in[i]), memory_order_relaxed);
}

[[kernel]] void atomic_in_threadgroup_memory(device uint* out [[buffer(0)]],
                                             device const uchar* in [[buffer(1)]],
                                             uint i [[thread_index_in_threadgroup]]) {
  threadgroup atomic_uint histogram[4];
  if (i < 4) atomic_store_explicit(&histogram[i], 0u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  atomic_fetch_add_explicit(&histogram[in[i] % 4], 1u, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (i < 4) out[i] = atomic_load_explicit(&histogram[i], memory_order_relaxed);
}

[[kernel]] void atomic_bool_flag(device atomic_bool* out [[buffer(0)]],
                                 uint i [[thread_position_in_grid]]) {
  if (i == 13) atomic_store_explicit(out, true, memory_order_relaxed);
}

[[kernel]] void atomic_ulong_max(device atomic_ulong* out [[buffer(0)]],
                                 uint i [[thread_position_in_grid]]) {
  atomic_max_explicit(out, ulong(i) << 33, memory_order_relaxed);
}

[[kernel]] void atomic_by_cast(device uint* out [[buffer(0)]]) {
  device atomic_uint* counter = (device atomic_uint*)out;
  atomic_fetch_add_explicit(counter + 1, 1u, memory_order_relaxed);
}
