// What an access to memory that the checker watches comes to: a finding, and a note in the shadow.

#include "access.hpp"

namespace metal_emulator::checker {

State state;
thread_local Worker* worker = nullptr;

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
  const Region& region;
  std::uintptr_t address;
  const Moment& now;
  std::size_t size;
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
    report_race(step.region, step.address, step.size, *earlier, step.now, wrote, step.write, true, step.pc);
  }
}

inline void visit(Cell& cell, const Step& step) {
  const Moment& now = step.now;
  if (!step.write && now.space == threadgroup_space && cell.write.group != now.access.group &&
      state.uninitialized) [[unlikely]] {
    report_uninitialized(step.region, step.address, step.size, step.pc);
  }
  if (state.races) {
    if (const Access* earlier = race_of(cell, now, step.write)) [[unlikely]] {
      report_race(step.region, step.address, step.size, *earlier, now, earlier == &cell.write, step.write,
                  false, step.pc);
    }
    if (cell.flags & cell_atomic) [[unlikely]] check_against_atomics(cell, step);
  }
  if (step.write) {
    remember_write(cell, now);
  } else {
    remember_read(cell, now);
  }
}

__attribute__((noinline)) void visit_atomic(Cell& cell, const Step& step) {
  const Moment& now = step.now;
  if (!step.write && now.space == threadgroup_space && cell.write.group != now.access.group &&
      state.uninitialized) {
    report_uninitialized(step.region, step.address, step.size, step.pc);
  }
  const std::lock_guard<std::mutex> lock(state.atomics_mutex);
  cell.flags |= cell_atomic;
  AtomicCell& all = state.atomics[&cell];
  if (const Access* earlier = race_of(cell, now, step.write); earlier != nullptr && state.races) {
    report_race(step.region, step.address, step.size, *earlier, now, earlier == &cell.write, step.write, true,
                step.pc);
  }
  if (step.write) {
    join(all.store, all.far_store, now);
    // Initialised from now on, by nobody that a plain access could race with.
    if (now.space == threadgroup_space && cell.write.group != now.access.group) {
      cell.write = now.access;
      cell.write.when = 0;
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
                        bool locked, Step& step, Kind kind) {
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

Moment moment(const Worker& w, Space space, std::uintptr_t pc) {
  const Clock& clock = w.clock[space];
  return {{w.group, clock.when(current_position->thread_index_in_threadgroup),
           static_cast<uint32_t>(pc)},
          clock.base, state.first_group, space};
}

}  // namespace

void access_shadow(std::uintptr_t address, std::size_t size, bool write, Kind kind,
                   std::uintptr_t pc) {
  const std::size_t slot =
      (address - reinterpret_cast<std::uintptr_t>(state.memory)) >> state.slot_bits;
  const Worker& w = *worker;
  if (state.some_pc.load(std::memory_order_relaxed) == 0)
    state.some_pc.store(pc, std::memory_order_relaxed);
  if (slot < max_buffers) {
    const Region& region = state.regions[slot];
    const std::size_t at = address - reinterpret_cast<std::uintptr_t>(region.allocation.data);
    if (at >= region.allocation.size || size > region.allocation.size - at)
      return report_out_of_bounds(&region, address, size, write, pc);
    if (write && !region.allocation.writable) return report_read_only(region, address, size, pc);
    if (region.cells == nullptr) return;
    const Moment now = moment(w, device_space, pc);
    Step step{region, address, now, size, write, pc};
    visit_range(region.cells, region.byte_cells, at, size, state.concurrent, step, kind);
    return;
  }
  const std::size_t at = address - reinterpret_cast<std::uintptr_t>(w.arena);
  const std::size_t page = at / page_bytes;
  const Page owner = page < w.pages.size() ? w.pages[page] : Page{};
  if (at < owner.begin || at + size > owner.end)
    return report_out_of_bounds(nullptr, address, size, write, pc);
  const Region* region = w.regions.data();
  while (region->allocation.data != w.arena + owner.begin) ++region;
  if (!state.watched) return;
  const Moment now = moment(w, threadgroup_space, pc);
  Step step{*region, address, now, size, write, pc};
  if (size == 4 && at % 4 == 0 && kind == plain && w.cells[at / 4].flags == 0)
    visit(w.cells[at / 4], step);
  else
    visit_range(w.cells, w.byte_cells, at, size, false, step, kind);
}

}  // namespace metal_emulator::checker
