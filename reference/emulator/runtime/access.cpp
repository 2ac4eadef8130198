// What an access to memory that the checker watches comes to: a finding, and a note in the shadow.

#include "access.hpp"

namespace metal_emulator::checker {

State state;
__thread Worker* worker = nullptr;

namespace {

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
  Space space;
  std::uintptr_t address;
  const Moment& now;
  std::size_t size;
  bool write;
  std::uintptr_t pc;
};

// The allocation that an access inside of one is to.
const Region& region_of(const Step& step) {
  if (step.space == device_space) {
    const auto memory = reinterpret_cast<std::uintptr_t>(state.memory);
    return state.regions[(step.address - memory) >> state.slot_bits];
  }
  const Worker& w = *worker;
  const std::size_t at = step.address - reinterpret_cast<std::uintptr_t>(w.arena);
  const Region* region = w.regions.data();
  while (region->allocation.data != w.arena + w.pages[at / page_bytes].begin) ++region;
  return *region;
}

__attribute__((noinline)) void found_uninitialized(const Step& step) {
  report_uninitialized(region_of(step), step.address, step.size, step.pc);
}

__attribute__((noinline)) void found_race(const Step& step, const Access& earlier, bool wrote,
                                          bool atomic) {
  report_race(region_of(step), step.address, step.size, earlier, step.now, wrote, step.write,
              atomic, step.pc);
}

__attribute__((noinline)) void check_against_atomics(Cell& cell, const Step& step) {
  const std::lock_guard<std::mutex> lock(state.atomics_mutex);
  const auto found = state.atomics.find(&cell);
  if (found == state.atomics.end()) return;
  const AtomicCell& all = found->second;
  if (const Access* earlier = race_of(all, step.now, step.write))
    found_race(step, *earlier, earlier == &all.store || earlier == &all.far_store, true);
}

inline __attribute__((always_inline)) void visit(Note note, const Step& step) {
  Cell& cell = note.cell;
  const Moment& now = step.now;
  if (!step.write && step.space == threadgroup_space && cell.write.group != now.access.group &&
      state.uninitialized) [[unlikely]] {
    found_uninitialized(step);
  }
  if (state.races) {
    if (const Access* earlier = race_of(cell, now, step.write)) [[unlikely]]
      found_race(step, *earlier, earlier == &cell.write, false);
    if (cell.flags & cell_atomic) [[unlikely]] check_against_atomics(cell, step);
  }
  if (step.write) {
    remember_write(note, now);
  } else {
    remember_read(note, now);
  }
  if (cell.flags & cell_atomic) [[unlikely]] note.shared = 0;  // each read is to be checked
}

__attribute__((noinline)) void visit_atomic(Note note, const Step& step) {
  Cell& cell = note.cell;
  const Moment& now = step.now;
  if (!step.write && step.space == threadgroup_space && cell.write.group != now.access.group &&
      state.uninitialized) {
    found_uninitialized(step);
  }
  const std::lock_guard<std::mutex> lock(state.atomics_mutex);
  cell.flags |= cell_atomic;
  note.shared = 0;
  AtomicCell& all = state.atomics[&cell];
  if (const Access* earlier = race_of(cell, now, step.write); earlier != nullptr && state.races)
    found_race(step, *earlier, earlier == &cell.write, true);
  if (step.write) {
    join(all.store, all.far_store, now);
    // Initialised from now on, by nobody that a plain access could race with.
    if (step.space == threadgroup_space && cell.write.group != now.access.group) {
      cell.write = now.access;
      cell.write.when = 0;
    }
  } else {
    join(all.load, all.far_load, now);
  }
}

inline void visit(Note note, const Step& step, Kind kind) {
  if (kind == atomic) {
    visit_atomic(note, step);
  } else {
    visit(note, step);
  }
}

// Gives each byte of the word at `at` a cell of its own.
void split(const Shadow& shadow, std::size_t at) {
  const auto [cell, shared] = shadow.word(at);
  for (std::size_t i = 0; i < 4; ++i) {
    shadow.byte_cells[at + i] = cell;
    shadow.byte_cells[at + i].lock = 0;
    shadow.byte_shared[at + i] = shared;
  }
  if (cell.flags & cell_atomic) {
    const std::lock_guard<std::mutex> lock(state.atomics_mutex);
    const AtomicCell all = state.atomics[&cell];
    for (std::size_t i = 0; i < 4; ++i) state.atomics[&shadow.byte_cells[at + i]] = all;
  }
  cell.flags |= cell_split;
}

// An access to a part of a word, [at, end), or to one that was accessed in parts before.
void visit_bytes(const Shadow& shadow, std::size_t at, std::size_t end, Step& step, Kind kind) {
  const std::size_t begin = at & ~std::size_t{3};
  const auto [cell, shared] = shadow.word(begin);
  if ((cell.flags & cell_split) == 0) split(shadow, begin);
  for (std::size_t byte = at; byte < end; ++byte, ++step.address)
    visit(shadow.byte(byte), step, kind);
  const Stretch* bytes = &shadow.byte_shared[begin];
  const bool agree = bytes[0] == bytes[1] && bytes[0] == bytes[2] && bytes[0] == bytes[3];
  shared = agree ? bytes[0] : 0;
  if (end - at == 4 && step.write && kind == plain && (cell.flags & cell_atomic) == 0) {
    const uint8_t held = cell.lock;
    cell = shadow.byte_cells[at];
    cell.lock = held;
    cell.flags = 0;
  }
}

// Visits the cells of `size` bytes, `at` bytes behind the first cell.
inline void visit_range(const Shadow& shadow, std::size_t at, std::size_t size, bool locked,
                        Step& step, Kind kind) {
  const std::size_t end = at + size;
  while (at < end) {
    const Note note = shadow.word(at);
    const std::size_t word_end = (at | 3) + 1;
    const std::size_t part_end = word_end < end ? word_end : end;
    const CellLock lock(note.cell, locked);
    if (part_end - at == 4 && (note.cell.flags & cell_split) == 0) {
      visit(note, step, kind);
      step.address += 4;
    } else {
      visit_bytes(shadow, at, part_end, step, kind);
    }
    at = word_end;
  }
}

inline Moment moment(const Worker& w, Space space, std::uintptr_t pc) {
  const Access& me = w.me[space];
  return {{me.group, me.when, static_cast<uint32_t>(pc)},
          w.clock[space].base,
          state.first_group,
          space};
}

}  // namespace

void access_shadow(std::uintptr_t address, std::size_t size, bool write, Kind kind,
                   std::uintptr_t pc) {
  const std::size_t slot =
      (address - reinterpret_cast<std::uintptr_t>(state.memory)) >> state.slot_bits;
  Worker& w = *worker;
  if (state.some_pc.load(std::memory_order_relaxed) == 0)
    state.some_pc.store(pc, std::memory_order_relaxed);
  if (slot < max_buffers) {
    const Region& region = state.regions[slot];
    const std::size_t at = address - reinterpret_cast<std::uintptr_t>(region.allocation.data);
    if (at >= region.allocation.size || size > region.allocation.size - at)
      return report_out_of_bounds(&region, address, size, write, pc);
    if (write && !region.allocation.writable) return report_read_only(region, address, size, pc);
    if (region.shadow.cells == nullptr) return;
    const Moment now = moment(w, device_space, pc);
    Step step{device_space, address, now, size, write, pc};
    visit_range(region.shadow, at, size, state.concurrent, step, kind);
    return;
  }
  const std::size_t at = address - reinterpret_cast<std::uintptr_t>(w.arena);
  const std::size_t page = at / page_bytes;
  const Page owner = page < w.pages.size() ? w.pages[page] : Page{};
  if (at < owner.begin || at + size > owner.end)
    return report_out_of_bounds(nullptr, address, size, write, pc);
  if (!state.watched) return;
  const Moment now = moment(w, threadgroup_space, pc);
  Step step{threadgroup_space, address, now, size, write, pc};
  if (size == 4 && at % 4 == 0 && kind == plain && w.shadow.cells[at / 4].flags == 0)
    visit(w.shadow.word(at), step);
  else
    visit_range(w.shadow, at, size, false, step, kind);
}

}  // namespace metal_emulator::checker
