// What the compiler calls before each access to memory in a kernel that is built with
// -fsanitize=thread. The names are those of ThreadSanitizer's interface; its library is not used.

#include "checker.hpp"

namespace metal_emulator::checker {

State state;
thread_local Worker* worker = nullptr;

namespace {

enum Kind { plain, atomic };

// Holds the cell of a buffer while several workers run. Threadgroup memory has one worker.
class CellLock {
 public:
  CellLock(Cell& cell, bool needed) : lock_(needed ? &cell.lock : nullptr) {
    if (lock_ != nullptr)
      while (__atomic_exchange_n(lock_, 1, __ATOMIC_ACQUIRE) != 0) {
      }
  }
  ~CellLock() {
    if (lock_ != nullptr) __atomic_store_n(lock_, 0, __ATOMIC_RELEASE);
  }
  CellLock(const CellLock&) = delete;
  CellLock& operator=(const CellLock&) = delete;

 private:
  uint8_t* lock_;
};

struct Step {
  const Region& region;
  std::uintptr_t address;
  const Moment& now;
  bool write;
  std::uintptr_t pc;
};

__attribute__((noinline)) void check_against_atomics(Cell& cell, const Step& step) {
  const std::lock_guard<std::mutex> lock(state.atomics_mutex);
  const auto found = state.atomics.find(&cell);
  if (found == state.atomics.end()) return;
  const AtomicCell& all = found->second;
  if (const Access* earlier = race_of(all, step.now, step.write)) {
    const bool wrote = earlier == &all.store || earlier == &all.far_store;
    report_race(step.region, step.address, *earlier, step.now, wrote, step.write, true, step.pc);
  }
}

inline void visit(Cell& cell, const Step& step) {
  const Moment& now = step.now;
  const Access& me = now.access;
  if (step.write) {
    if (same(cell.write, me) && cell.read.group == 0 && (cell.flags & cell_atomic) == 0) return;
  } else {
    if (now.space == threadgroup_space && cell.write.group != me.group && state.uninitialized)
        [[unlikely]] {
      report_uninitialized(step.region, step.address, step.pc);
    }
    if (same(cell.read, me) || same(cell.write, me)) return;
  }
  if (state.races) {
    if (const Access* earlier = race_of(cell, now, step.write)) [[unlikely]] {
      report_race(step.region, step.address, *earlier, now, earlier == &cell.write, step.write,
                  false, step.pc);
    }
    if (cell.flags & cell_atomic) [[unlikely]] check_against_atomics(cell, step);
  }
  remember(cell, now, step.write);
}

__attribute__((noinline)) void visit_atomic(Cell& cell, const Step& step) {
  const Moment& now = step.now;
  if (!step.write && now.space == threadgroup_space && cell.write.group != now.access.group &&
      state.uninitialized) {
    report_uninitialized(step.region, step.address, step.pc);
  }
  const std::lock_guard<std::mutex> lock(state.atomics_mutex);
  cell.flags |= cell_atomic;
  AtomicCell& all = state.atomics[&cell];
  if (const Access* earlier = race_of(cell, now, step.write); earlier != nullptr && state.races) {
    report_race(step.region, step.address, *earlier, now, earlier == &cell.write, step.write, true,
                step.pc);
  }
  if (step.write) {
    join(all.store, all.far_store, now);
    // Initialised from now on, by nobody that a plain access could race with.
    if (now.space == threadgroup_space && cell.write.group != now.access.group) {
      cell.write = now.access;
      cell.write.stamp = 0;
    }
  } else {
    join(all.load, all.far_load, now);
  }
}

inline void visit(Cell& cell, const Step& step, Kind kind) {
  if (kind == atomic) {
    visit_atomic(cell, step);
  } else {
    visit(cell, step);
  }
}

// Gives each byte of a word a cell of its own.
void split(Cell& cell, Cell* bytes) {
  for (int i = 0; i < 4; ++i) {
    bytes[i] = cell;
    bytes[i].lock = 0;
  }
  if (cell.flags & cell_atomic) {
    const std::lock_guard<std::mutex> lock(state.atomics_mutex);
    const AtomicCell all = state.atomics[&cell];
    for (int i = 0; i < 4; ++i) state.atomics[&bytes[i]] = all;
  }
  cell.flags |= cell_split;
}

// Visits the cells of `size` bytes, `at` bytes behind the first cell.
inline void visit_range(Cell* cells, Cell* byte_cells, std::size_t at, std::size_t size,
                        bool locked, Step step, Kind kind) {
  const std::size_t end = at + size;
  while (at < end) {
    Cell& cell = cells[at / 4];
    const std::size_t word_end = (at | 3) + 1;
    const bool whole = (at & 3) == 0 && word_end <= end;
    const CellLock lock(cell, locked);
    if (whole && (cell.flags & cell_split) == 0) {
      visit(cell, step, kind);
      step.address += 4;
    } else {
      if ((cell.flags & cell_split) == 0) split(cell, byte_cells + (at & ~std::size_t{3}));
      const std::size_t part_end = word_end < end ? word_end : end;
      for (std::size_t byte = at; byte < part_end; ++byte, ++step.address)
        visit(byte_cells[byte], step, kind);
      if (whole && step.write && kind == plain && (cell.flags & cell_atomic) == 0) {
        const uint8_t held = cell.lock;
        cell = byte_cells[at];
        cell.lock = held;
        cell.flags = 0;
      }
    }
    at = word_end;
  }
}

inline Moment moment(const Worker& w, Space space, std::uintptr_t pc) {
  const uint32_t thread = current_position->thread_index_in_threadgroup;
  const Clock& clock = w.clock[space];
  return {{w.group, static_cast<uint32_t>(pc), thread, clock.simdgroup[thread / simd_width]},
          clock.base, state.first_group, space};
}

__attribute__((noinline)) void access_shadow(std::uintptr_t address, std::size_t size, bool write,
                                             Kind kind, std::uintptr_t pc) {
  const std::size_t offset = address - reinterpret_cast<std::uintptr_t>(state.memory);
  const Worker* w = worker;
  const std::size_t slot = offset >> state.slot_bits;
  if (slot < max_buffers) {
    const Region& region = state.regions[slot];
    const std::size_t at = address - reinterpret_cast<std::uintptr_t>(region.allocation.data);
    if (at >= region.allocation.size || size > region.allocation.size - at) [[unlikely]]
      return report_out_of_bounds(&region, address, size, write, pc);
    if (!region.allocation.writable) {
      if (write) report_read_only(region, address, pc);
      return;
    }
    if (!state.races) return;
    const Moment now = moment(*w, device_space, pc);
    visit_range(region.cells, region.byte_cells, at, size, state.concurrent,
                {region, address, now, write, pc}, kind);
    return;
  }
  const std::size_t in_arena = address - reinterpret_cast<std::uintptr_t>(w->arena);
  const std::size_t page = in_arena / page_bytes;
  if (page >= w->pages.size()) [[unlikely]]
    return report_out_of_bounds(nullptr, address, size, write, pc);
  const Region& region = w->regions[w->pages[page]];
  const std::size_t at = address - reinterpret_cast<std::uintptr_t>(region.allocation.data);
  if (at >= region.allocation.size || size > region.allocation.size - at) [[unlikely]]
    return report_out_of_bounds(nullptr, address, size, write, pc);
  const Moment now = moment(*w, threadgroup_space, pc);
  visit_range(w->cells, w->byte_cells, in_arena, size, false,
              {region, address, now, write, pc}, kind);
}

inline void access(const volatile void* pointer, std::size_t size, bool write, Kind kind,
                   std::uintptr_t pc) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const std::size_t offset = address - reinterpret_cast<std::uintptr_t>(state.memory);
  if (offset >= state.memory_bytes) return;  // a thread's own variables, or the emulator's
  if (!write) {
    const Window& window = state.windows[offset >> state.slot_bits];
    const std::size_t at = address - window.begin, end = at + size;
    if (at < end && end <= window.size) return;
  }
  access_shadow(address, size, write, kind, pc);
}

inline std::uintptr_t number(void* pc) { return reinterpret_cast<std::uintptr_t>(pc); }

}  // namespace

}  // namespace metal_emulator::checker

#define CALLER metal_emulator::checker::number(__builtin_return_address(0))
#define ACCESS(pointer, size, write, kind) \
  metal_emulator::checker::access(pointer, size, write, metal_emulator::checker::kind, CALLER)

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

#define READ_AND_WRITE(n)                                                     \
  void __tsan_read##n(void* p) { ACCESS(p, n, false, plain); }                \
  void __tsan_write##n(void* p) { ACCESS(p, n, true, plain); }                \
  void __tsan_unaligned_read##n(void* p) { ACCESS(p, n, false, plain); }      \
  void __tsan_unaligned_write##n(void* p) { ACCESS(p, n, true, plain); }      \
  void __tsan_volatile_read##n(void* p) { ACCESS(p, n, false, plain); }       \
  void __tsan_volatile_write##n(void* p) { ACCESS(p, n, true, plain); }       \
  void __tsan_unaligned_volatile_read##n(void* p) { ACCESS(p, n, false, plain); } \
  void __tsan_unaligned_volatile_write##n(void* p) { ACCESS(p, n, true, plain); }
READ_AND_WRITE(1)
READ_AND_WRITE(2)
READ_AND_WRITE(4)
READ_AND_WRITE(8)
READ_AND_WRITE(16)

void __tsan_read_range(void* p, std::size_t size) { ACCESS(p, size, false, plain); }
void __tsan_write_range(void* p, std::size_t size) { ACCESS(p, size, true, plain); }

void* __tsan_memcpy(void* to, const void* from, std::size_t size) {
  ACCESS(from, size, false, plain);
  ACCESS(to, size, true, plain);
  return __builtin_memcpy(to, from, size);
}
void* __tsan_memmove(void* to, const void* from, std::size_t size) {
  ACCESS(from, size, false, plain);
  ACCESS(to, size, true, plain);
  return __builtin_memmove(to, from, size);
}
void* __tsan_memset(void* to, int value, std::size_t size) {
  ACCESS(to, size, true, plain);
  return __builtin_memset(to, value, size);
}

void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int) {}

// A read-modify-write counts as a read of what must be initialised, then as a write.
#define FETCH(bits, type, name)                                                       \
  type __tsan_atomic##bits##_fetch_##name(volatile type* p, type value, int) {        \
    ACCESS(p, bits / 8, false, atomic);                                               \
    ACCESS(p, bits / 8, true, atomic);                                                \
    return __atomic_fetch_##name(p, value, __ATOMIC_SEQ_CST);                         \
  }
#define COMPARE_EXCHANGE(bits, type, strength)                                               \
  int __tsan_atomic##bits##_compare_exchange_##strength(volatile type* p, type* expected,    \
                                                        type value, int, int) {              \
    ACCESS(p, bits / 8, false, atomic);                                                      \
    ACCESS(p, bits / 8, true, atomic);                                                       \
    return __atomic_compare_exchange_n(p, expected, value, false, __ATOMIC_SEQ_CST,          \
                                       __ATOMIC_SEQ_CST);                                    \
  }
#define ATOMICS(bits, type)                                                           \
  type __tsan_atomic##bits##_load(const volatile type* p, int) {                      \
    ACCESS(p, bits / 8, false, atomic);                                               \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                      \
  }                                                                                   \
  void __tsan_atomic##bits##_store(volatile type* p, type value, int) {               \
    ACCESS(p, bits / 8, true, atomic);                                                \
    __atomic_store_n(p, value, __ATOMIC_SEQ_CST);                                     \
  }                                                                                   \
  type __tsan_atomic##bits##_exchange(volatile type* p, type value, int) {            \
    ACCESS(p, bits / 8, false, atomic);                                               \
    ACCESS(p, bits / 8, true, atomic);                                                \
    return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);                           \
  }                                                                                   \
  FETCH(bits, type, add)                                                              \
  FETCH(bits, type, sub)                                                              \
  FETCH(bits, type, and)                                                              \
  FETCH(bits, type, or)                                                               \
  FETCH(bits, type, xor)                                                              \
  COMPARE_EXCHANGE(bits, type, strong)                                                \
  COMPARE_EXCHANGE(bits, type, weak)
ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

}  // extern "C"
