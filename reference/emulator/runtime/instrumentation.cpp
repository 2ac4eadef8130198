// What the compiler calls before each access to memory in a kernel that is built with
// -fsanitize=thread, and where an index is none of its array with -fsanitize=bounds. The names are
// those of the sanitizers' interfaces; their libraries are not used.

#include <cstring>
#include <string>

#include "access.hpp"

using metal_emulator::checker::any_access;
using metal_emulator::checker::atomic;
using metal_emulator::checker::plain;
using metal_emulator::checker::plain_access;
using metal_emulator::checker::report_index;

#define CALLER reinterpret_cast<std::uintptr_t>(__builtin_return_address(0))

namespace {

// What compilers tell of a type, and of an index (compiler-rt: ubsan_value.h, ubsan_handlers.h).
struct Type {
  uint16_t kind;  // 0 for an integer
  uint16_t info;  // of an integer: whether it is signed, and above that the logarithm of its bits
  char name[1];   // as many as it has: "'float [4]'"
};
struct BeyondArray {
  struct {
    const char* file;
    uint32_t line, column;
  } place;
  const Type &array, &index;
};

// An integer as it is handed over: itself, extended by zeros; none is wider than a pointer.
int64_t value_of(const Type& type, std::uintptr_t handed) {
  const uint32_t bits = 1u << (type.info >> 1);
  if (!(type.info & 1) || bits >= 64) return static_cast<int64_t>(handed);
  const uint32_t unused = 64 - bits;
  return static_cast<int64_t>(static_cast<uint64_t>(handed) << unused) >> unused;
}

}  // namespace

extern "C" {

void __ubsan_handle_out_of_bounds(const BeyondArray* what, std::uintptr_t index) {
  const std::string array = what->array.name;
  report_index(value_of(what->index, index), array.substr(1, array.size() - 2), CALLER);
}

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

#define READ_AND_WRITE(prefix, n)                                                             \
  void __tsan_##prefix##read##n(void* p) { plain_access<n, false>(p, CALLER); }               \
  void __tsan_##prefix##write##n(void* p) { plain_access<n, true>(p, CALLER); }
#define ALL_SIZES(prefix)                                                                     \
  READ_AND_WRITE(prefix, 1)                                                                   \
  READ_AND_WRITE(prefix, 2)                                                                   \
  READ_AND_WRITE(prefix, 4)                                                                   \
  READ_AND_WRITE(prefix, 8)                                                                   \
  READ_AND_WRITE(prefix, 16)
ALL_SIZES()
ALL_SIZES(unaligned_)
ALL_SIZES(volatile_)
ALL_SIZES(unaligned_volatile_)

void __tsan_read_range(void* p, std::size_t n) { any_access(p, n, false, plain, CALLER); }
void __tsan_write_range(void* p, std::size_t n) { any_access(p, n, true, plain, CALLER); }

// Clang's calls in place of the C library's.
void* __tsan_memset(void* to, int value, std::size_t n) {
  any_access(to, n, true, plain, CALLER);
  return std::memset(to, value, n);
}
void* __tsan_memcpy(void* to, const void* from, std::size_t n) {
  any_access(from, n, false, plain, CALLER);
  any_access(to, n, true, plain, CALLER);
  return std::memcpy(to, from, n);
}
void* __tsan_memmove(void* to, const void* from, std::size_t n) {
  any_access(from, n, false, plain, CALLER);
  any_access(to, n, true, plain, CALLER);
  return std::memmove(to, from, n);
}

void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int) {}

// A read-modify-write counts as a read of what must be initialised, then as a write.
#define FETCH(bits, type, name)                                                               \
  type __tsan_atomic##bits##_fetch_##name(volatile type* p, type value, int) {                \
    any_access(p, bits / 8, false, atomic, CALLER);                                           \
    any_access(p, bits / 8, true, atomic, CALLER);                                            \
    return __atomic_fetch_##name(p, value, __ATOMIC_SEQ_CST);                                 \
  }
#define COMPARE_EXCHANGE(bits, type, strength)                                                \
  int __tsan_atomic##bits##_compare_exchange_##strength(volatile type* p, type* expected,     \
                                                        type value, int, int) {               \
    any_access(p, bits / 8, false, atomic, CALLER);                                           \
    any_access(p, bits / 8, true, atomic, CALLER);                                            \
    return __atomic_compare_exchange_n(p, expected, value, false, __ATOMIC_SEQ_CST,           \
                                       __ATOMIC_SEQ_CST);                                     \
  }
#define ATOMICS(bits, type)                                                                   \
  type __tsan_atomic##bits##_load(const volatile type* p, int) {                              \
    any_access(p, bits / 8, false, atomic, CALLER);                                           \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                              \
  }                                                                                           \
  void __tsan_atomic##bits##_store(volatile type* p, type value, int) {                       \
    any_access(p, bits / 8, true, atomic, CALLER);                                            \
    __atomic_store_n(p, value, __ATOMIC_SEQ_CST);                                             \
  }                                                                                           \
  type __tsan_atomic##bits##_exchange(volatile type* p, type value, int) {                    \
    any_access(p, bits / 8, false, atomic, CALLER);                                           \
    any_access(p, bits / 8, true, atomic, CALLER);                                            \
    return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);                                   \
  }                                                                                           \
  FETCH(bits, type, add)                                                                      \
  FETCH(bits, type, sub)                                                                      \
  FETCH(bits, type, and)                                                                      \
  FETCH(bits, type, or)                                                                       \
  FETCH(bits, type, xor)                                                                      \
  COMPARE_EXCHANGE(bits, type, strong)                                                        \
  COMPARE_EXCHANGE(bits, type, weak)
ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

}  // extern "C"
