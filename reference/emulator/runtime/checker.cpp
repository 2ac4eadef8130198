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

// Of `size` bytes; pages that nobody touches cost nothing.
template <class F>
void for_each_array(Shadow& shadow, std::size_t size, F f) {
  f(shadow.cells, size / 4);
  f(shadow.byte_cells, size);
  f(shadow.shared, size / 4 + 4);  // an access of 16 bytes may look beyond the last word
  f(shadow.byte_shared, size);
}

Shadow make_shadow(std::size_t size) {
  Shadow shadow{};
  for_each_array(shadow, size, [](auto*& array, std::size_t count) {
    array = reinterpret_cast<std::decay_t<decltype(array)>>(reserve(count * sizeof(*array)));
  });
  return shadow;
}

struct Kept {
  Shadow shadow;
  std::size_t size;  // of the memory that it stands for
};

Kept slot_shadows[max_buffers];              // kept from launch to launch
unsigned char* caller_data[max_buffers];     // where the buffers of the launch come from
uint32_t last_group = 0;

void give_shadow(Region& region, Kept& kept) {
  const std::size_t size = (region.allocation.size + 3) & ~std::size_t{3};
  if (size > kept.size) {
    if (kept.size != 0) {
      for_each_array(kept.shadow, kept.size, [](auto* array, std::size_t count) {
        munmap(array, count * sizeof(*array));
      });
    }
    kept = {make_shadow(size), size};
  }
  region.shadow = kept.shadow;
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
        if (state.watched) give_shadow(region, slot_shadows[home]);
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
    if (buffer.writable && state.watched) give_shadow(region, slot_shadows[i]);
  }
  for (std::size_t i = 0; i < max_buffers; ++i) {
    const Allocation& a = state.regions[i].allocation;
    const Region& region = state.regions[i];
    const bool noted = region.shadow.cells != nullptr;
    state.windows[i] = {reinterpret_cast<std::uintptr_t>(a.data), noted ? 0 : a.size,
                        noted ? a.size / 4 : 0, region.shadow.shared, state.stretch,
                        state.stretch, &region.shadow};
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
      if (slot_shadows[i].size != 0) {
        for_each_array(slot_shadows[i].shadow, slot_shadows[i].size,
                       [](auto* array, std::size_t count) {
                         madvise(array, count * sizeof(*array), MADV_DONTNEED);
                       });
      }
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
    w->shadow = make_shadow(max_arena_bytes);
  }
  w->window = &state.windows[max_buffers + index];
  *w->window = {reinterpret_cast<std::uintptr_t>(w->arena), 0,
                state.watched ? max_arena_bytes / 4 : 0, w->shadow.shared, 0, 0, &w->shadow};
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
    w.regions[i] = {memory[i], {}};
    set_pages(w, i, true);
  }
}

void pass_threadgroup_barrier(Worker& w, Space space) {
  Clock& clock = w.clock[space];
  clock.base = w.counter;
  clock.stretch = stretch_of_threadgroup(w.group, clock.base);
  if (space == threadgroup_space) w.window->stretch = clock.stretch;
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
void thread_runs(uint32_t index) { state.workers[index]->look_up(); }

void barrier(uint32_t index, int scope_flags) {
  Worker& w = *state.workers[index];
  ++w.counter;
  for (const Space space : {device_space, threadgroup_space})
    if (scope_flags >> space & 1) pass_threadgroup_barrier(w, space);
  w.look_up();
}

void simdgroup_meeting(uint32_t index, uint32_t simdgroup, uint32_t, int scope_flags) {
  if (scope_flags <= 0) return;
  Worker& w = *state.workers[index];
  ++w.counter;
  for (const Space space : {device_space, threadgroup_space})
    if (scope_flags >> space & 1) w.clock[space].simdgroup[simdgroup] = w.counter;
  w.look_up();
}

const Hooks table{
    launch_begin,      launch_end,      page_bytes,   4 * page_bytes, threadgroup_arena_of,
    threadgroup_begin, threadgroup_end, thread_runs,  barrier,        simdgroup_meeting,
    report_divergence};

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
