// The hooks through which the scheduler tells the checker what goes on, and the memory behind them.

#include "checker.hpp"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "fibers.hpp"
#include "findings.hpp"

namespace metal_emulator {

namespace checker {

namespace {

// ---- memory -------------------------------------------------------------------------------------

unsigned char* try_reserve(std::size_t bytes) {
  int flags = MAP_PRIVATE | MAP_ANON;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<unsigned char*>(memory);
}

// Reserves the slots: of 64 GiB each where the machine has the addresses, so that an index of -1 as
// a uint stays in its slot, and smaller ones where not.
void reserve_slots() {
  for (uint32_t bits = 36; state.memory == nullptr && bits >= 30; --bits) {
    state.slot_bits = bits;
    state.memory_bytes = std::size_t{slot_count} << bits;
    state.memory = try_reserve(state.memory_bytes);
  }
  if (state.memory == nullptr) {
    std::fprintf(stderr, "the safety modes found no address space for their guard bands\n");
    std::abort();
  }
}

unsigned char* slot_middle(std::size_t slot) {
  const std::size_t size = std::size_t{1} << state.slot_bits;
  return state.memory + slot * size + size / 2;
}

Cell* reserve_cells(std::size_t count) {
  return reinterpret_cast<Cell*>(reserve(count * sizeof(Cell)));
}

struct Cells {
  Cell *words, *bytes;
  std::size_t size;  // of the memory that they stand for
};

Cells slot_cells[max_buffers];               // kept from launch to launch
unsigned char* caller_data[max_buffers];     // where the buffers of the launch come from
uint32_t last_group = 0;

void give_cells(Region& region, Cells& cells) {
  const std::size_t size = (region.allocation.size + 3) & ~std::size_t{3};
  if (size > cells.size) {
    if (cells.words != nullptr) {
      munmap(cells.words, cells.size / 4 * sizeof(Cell));
      munmap(cells.bytes, cells.size * sizeof(Cell));
    }
    cells = {reserve_cells(size / 4), reserve_cells(size), size};
  }
  region.cells = cells.words;
  region.byte_cells = cells.bytes;
}

// ---- launches -----------------------------------------------------------------------------------

// The buffer that holds all of buffer `i` already, or `i`: arrays may be bound twice.
std::size_t same_memory(const Allocation* buffers, std::size_t i) {
  for (std::size_t j = 0; j < i; ++j) {
    if (caller_data[j] <= buffers[i].data &&
        buffers[i].data + buffers[i].size <= caller_data[j] + buffers[j].size)
      return j;
  }
  return i;
}

void launch_begin(Launch& launch) {
  clear_findings(launch.kernel);
  state.launch = launch;
  state.concurrent = launch.worker_count > 1;
  state.atomics.clear();
  state.some_pc = 0;
  state.first_group = last_group + 1;
  state.stretch = stretch_of_launch(state.first_group);
  const Size3& groups = launch.threadgroups_per_grid;
  last_group += groups.x * groups.y * groups.z;
  for (Region& region : state.regions) region = {};
  for (std::size_t i = 0; i < launch.buffer_count && i < max_buffers; ++i) {
    Allocation& buffer = launch.buffers[i];
    caller_data[i] = buffer.data;
    const std::size_t home = same_memory(launch.buffers, i);
    if (home != i) {
      Region& region = state.regions[home];
      if (buffer.writable && !region.allocation.writable) {
        region.allocation.writable = true;
        if (state.watched) give_cells(region, slot_cells[home]);
      }
      buffer.data = region.allocation.data + (buffer.data - caller_data[home]);
      continue;
    }
    // As far off a page as the caller's, so that what is aligned stays so.
    unsigned char* copy =
        slot_middle(i) + reinterpret_cast<std::uintptr_t>(buffer.data) % page_bytes;
    if (buffer.size != 0) std::memcpy(copy, buffer.data, buffer.size);
    buffer.data = copy;
    Region& region = state.regions[i];
    region.allocation = buffer;
    if (buffer.writable && state.watched) give_cells(region, slot_cells[i]);
  }
  for (std::size_t i = 0; i < max_buffers; ++i) {
    const Allocation& a = state.regions[i].allocation;
    const Region& region = state.regions[i];
    state.windows[i] = {reinterpret_cast<std::uintptr_t>(a.data),
                        region.cells == nullptr ? a.size : 0, a.size, region.cells,
                        region.byte_cells};
  }
}

void launch_end(Launch& launch) {
  constexpr std::size_t large = std::size_t{1} << 24;
  for (std::size_t i = 0; i < launch.buffer_count && i < max_buffers; ++i) {
    Allocation& buffer = launch.buffers[i];
    const Allocation& copy = state.regions[i].allocation;
    if (copy.writable && copy.size != 0) std::memcpy(caller_data[i], copy.data, copy.size);
    buffer.data = caller_data[i];
    if (copy.size >= large) {
      madvise(slot_middle(i), copy.size, MADV_DONTNEED);
      if (slot_cells[i].words != nullptr)
        madvise(slot_cells[i].words, slot_cells[i].size / 4 * sizeof(Cell), MADV_DONTNEED);
    }
  }
}

// ---- threadgroups -------------------------------------------------------------------------------

unsigned char* threadgroup_arena_of(uint32_t index, std::size_t) {
  Worker*& w = state.workers[index];
  if (w == nullptr) {
    w = new Worker{};
    w->index = index;
    w->arena = slot_middle(max_buffers + index);
    w->pages.resize(max_arena_bytes / page_bytes);
    w->cells = reserve_cells(max_arena_bytes / 4);
    w->byte_cells = reserve_cells(max_arena_bytes);
  }
  return w->arena;
}

bool same_allocation(const Allocation& a, const Allocation& b) {
  return a.data == b.data && a.size == b.size && a.name == b.name;
}

void set_pages(Worker& w, uint32_t index, bool owned) {
  const Allocation& a = w.regions[index].allocation;
  const auto begin = static_cast<uint32_t>(a.data - w.arena);
  const auto end = static_cast<uint32_t>(begin + a.size);
  for (std::size_t page = begin / page_bytes; page * page_bytes < end && page < w.pages.size();
       ++page)
    w.pages[page] = owned ? Page{begin, end} : Page{};
}

void register_memory(Worker& w, const Allocation* memory, std::size_t count) {
  bool known = w.regions.size() == count;
  for (std::size_t i = 0; known && i < count; ++i)
    known = same_allocation(w.regions[i].allocation, memory[i]);
  if (known) return;
  for (uint32_t i = 0; i < w.regions.size(); ++i) set_pages(w, i, false);
  w.regions.resize(count);
  for (uint32_t i = 0; i < count; ++i) {
    w.regions[i] = {memory[i], nullptr, nullptr};
    set_pages(w, i, true);
  }
}

void pass_threadgroup_barrier(Worker& w, Space space) {
  w.known = nullptr;
  Clock& clock = w.clock[space];
  clock.base = w.counter;
  clock.stretch = stretch_of_threadgroup(w.group, clock.base);
  for (uint32_t& stamp : clock.simdgroup) stamp = w.counter;
}

void threadgroup_begin(uint32_t index, const Position& first, const Allocation* memory,
                       std::size_t count) {
  threadgroup_arena_of(index, max_arena_bytes);
  Worker& w = *state.workers[index];
  const Size3& at = first.threadgroup_position_in_grid;
  const Size3& groups = first.threadgroups_per_grid;
  w.group = state.first_group + at.x + groups.x * (at.y + groups.y * at.z);
  // Stamp 0 is before all: it marks what atomic functions initialised.
  w.counter = 1;
  for (const Space space : {device_space, threadgroup_space}) pass_threadgroup_barrier(w, space);
  register_memory(w, memory, count);
  worker = &w;
}

void threadgroup_end(uint32_t) { worker = nullptr; }
void thread_begin(uint32_t, const Position&, const void*, const void*) {}
void thread_end(uint32_t, const Position&) {}

void barrier(uint32_t index, int scope_flags) {
  Worker& w = *state.workers[index];
  ++w.counter;
  for (const Space space : {device_space, threadgroup_space})
    if (scope_flags >> space & 1) pass_threadgroup_barrier(w, space);
}

void simdgroup_meeting(uint32_t index, uint32_t simdgroup, uint32_t, int scope_flags) {
  if (scope_flags <= 0) return;
  Worker& w = *state.workers[index];
  ++w.counter;
  w.known = nullptr;
  for (const Space space : {device_space, threadgroup_space})
    if (scope_flags >> space & 1) w.clock[space].simdgroup[simdgroup] = w.counter;
}

const Hooks table{
    launch_begin,      launch_end,      page_bytes,   4 * page_bytes, threadgroup_arena_of,
    threadgroup_begin, threadgroup_end, thread_begin, thread_end,     barrier,
    simdgroup_meeting, report_divergence};

bool asked(const std::string& checks, const char* name) {
  return ("," + checks + ",").find("," + std::string(name) + ",") != std::string::npos;
}

}  // namespace

}  // namespace checker

const Hooks* checker_start(const char* checks) {
  using checker::state;
  if (checks == nullptr || *checks == '\0') return nullptr;
  state.bounds = checker::asked(checks, "bounds");
  state.races = checker::asked(checks, "races");
  state.uninitialized = checker::asked(checks, "uninitialized");
  state.watched = state.races || state.uninitialized;
  if (state.memory == nullptr) checker::reserve_slots();
  return &checker::table;
}

}  // namespace metal_emulator
