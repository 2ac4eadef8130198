// Barriers and fences (specification, sections 6.9.1 and 6.15.3).
#pragma once
#pragma GCC system_header

#include "../../runtime/contract.hpp"
#include "scalars.hpp"

namespace metal {

enum class mem_flags {
  mem_none = 0,
  mem_device = 1,
  mem_threadgroup = 2,
  mem_texture = 4,
  mem_threadgroup_imageblock = 8,
  mem_object_data = 16,
};
constexpr mem_flags operator|(mem_flags a, mem_flags b) {
  return static_cast<mem_flags>(static_cast<int>(a) | static_cast<int>(b));
}
constexpr mem_flags operator&(mem_flags a, mem_flags b) {
  return static_cast<mem_flags>(static_cast<int>(a) & static_cast<int>(b));
}

enum memory_order {
  memory_order_relaxed,
  memory_order_acquire,
  memory_order_release,
  memory_order_acq_rel,
  memory_order_seq_cst,
};

enum thread_scope {
  thread_scope_thread,
  thread_scope_simdgroup,
  thread_scope_threadgroup,
  thread_scope_device,
};

inline void threadgroup_barrier(mem_flags flags) {
  metal_emulator::threadgroup_barrier(static_cast<int>(flags));
}
inline void simdgroup_barrier(mem_flags flags) {
  metal_emulator::simdgroup_barrier(static_cast<int>(flags));
}
inline void threadgroup_barrier(mem_flags flags, thread_scope) { threadgroup_barrier(flags); }
inline void simdgroup_barrier(mem_flags flags, thread_scope) { simdgroup_barrier(flags); }

inline void atomic_thread_fence(mem_flags, memory_order = memory_order_seq_cst,
                                thread_scope = thread_scope_device) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

}  // namespace metal
