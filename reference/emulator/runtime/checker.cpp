// The hooks through which the scheduler tells the checker what goes on, and the texts of what it
// finds.

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

// ---- findings -----------------------------------------------------------------------------------

Size3 unravel(uint32_t index, const Size3& size) {
  return {index % size.x, index / size.x % size.y, index / (size.x * size.y)};
}

Place place_of(const Position& p, std::uintptr_t pc, uint32_t line = 0) {
  return {pc, line, p.threadgroup_position_in_grid, p.thread_position_in_threadgroup, callers()};
}

// Whoever made an access that is remembered. The remembered half of the return address is completed
// from one nearby.
Place place_of(const Access& access, std::uintptr_t near) {
  const Launch& launch = state.launch;
  const Size3 group = unravel(access.group - state.first_group, launch.threadgroups_per_grid);
  const Size3& size = launch.threads_per_threadgroup;
  const auto real = [](uint32_t at, uint32_t size, uint32_t end) {
    return end - at * size < size ? end - at * size : size;
  };
  const Size3 here{real(group.x, size.x, launch.threads_per_grid.x),
                   real(group.y, size.y, launch.threads_per_grid.y),
                   real(group.z, size.z, launch.threads_per_grid.z)};
  const auto away = static_cast<int32_t>(access.pc - static_cast<uint32_t>(near));
  return {near + static_cast<std::intptr_t>(away), 0, group, unravel(access.thread(), here), {}};
}

// Bytes of an element; where it is not known, elements are what the access takes them for.
std::size_t element_size(const Allocation& a, std::size_t access_size) {
  if (a.element_size > 1 || access_size == 0 || access_size > 16) return a.element_size;
  return access_size;
}

void add(const FindingKey& key, const std::string& detail, const Region* region,
         std::uintptr_t address, std::size_t access_size, const Access* earlier) {
  add_finding(key, [&] {
    Finding finding{key.kind, detail, place_of(current(), key.pc), earlier != nullptr, {}, "", 0};
    if (earlier != nullptr) finding.other = place_of(*earlier, key.pc);
    if (region != nullptr) {
      const Allocation& a = region->allocation;
      const auto element = static_cast<int64_t>(element_size(a, access_size));
      const auto at =
          static_cast<int64_t>(address - reinterpret_cast<std::uintptr_t>(a.data));
      finding.name = a.name;
      finding.index = at >= 0 ? at / element : -((-at + element - 1) / element);
    }
    return finding;
  });
}

// The threadgroup allocation of the running kernel that lies nearest.
const Region* nearest(std::uintptr_t address) {
  const Region* best = nullptr;
  std::uintptr_t least = ~std::uintptr_t{0};
  for (const Region& region : worker->regions) {
    if (region.allocation.size == 0) continue;
    const auto begin = reinterpret_cast<std::uintptr_t>(region.allocation.data);
    const auto end = begin + region.allocation.size;
    const std::uintptr_t away = address < begin ? begin - address : address - end;
    if (away < least) {
      least = away;
      best = &region;
    }
  }
  return best;
}

}  // namespace

void report_out_of_bounds(const Region* region, std::uintptr_t address, std::size_t size,
                          bool write, std::uintptr_t pc) {
  if (!state.bounds) return;
  const bool device = region != nullptr;
  if (!device) region = nearest(address);
  const char* kind = write ? "out-of-bounds write" : "out-of-bounds read";
  std::string detail = "no allocation is near";
  if (region != nullptr && region->allocation.size != 0) {
    const Allocation& a = region->allocation;
    const auto begin = reinterpret_cast<std::uintptr_t>(a.data);
    // Of an access that begins inside, the first byte that is not.
    if (address >= begin && address < begin + a.size && size > begin + a.size - address)
      address = begin + a.size;
    const std::size_t element = element_size(a, size);
    detail = std::string(a.name) + " has " + std::to_string(a.size / element) +
             (element == 1 ? " bytes" : " elements");
    if (!device) detail += " of threadgroup memory";
  } else if (device) {
    detail = "nothing is bound here";
    region = nullptr;
  }
  add({kind, pc, 0, region}, detail, region, address, size, nullptr);
}

void report_read_only(const Region& region, std::uintptr_t address, std::size_t size,
                      std::uintptr_t pc) {
  if (!state.bounds) return;
  add({"write to read-only memory", pc, 0, &region}, "the parameter is constant or const device",
      &region, address, size, nullptr);
}

void report_uninitialized(const Region& region, std::uintptr_t address, std::size_t size,
                          std::uintptr_t pc) {
  add({"uninitialized read", pc, 0, &region},
      "nothing in this threadgroup wrote this element before", &region, address, size, nullptr);
}

void report_race(const Region& region, std::uintptr_t address, std::size_t size,
                 const Access& earlier, const Moment& now, bool earlier_wrote, bool write,
                 bool atomic, std::uintptr_t pc) {
  const bool apart = earlier.group != now.access.group;
  std::string detail = std::string(earlier_wrote ? "written" : "read") + " by one thread and " +
                       (write ? "written" : "read") + " by another";
  if (atomic) detail += ", one of them not by an atomic function";
  if (apart)
    detail += "; nothing orders two threadgroups of one launch";
  else if (earlier.simdgroup() == now.access.simdgroup())
    detail += " of the same simdgroup, with no barrier between";
  else
    detail += ", with no threadgroup_barrier between";
  if (!apart) detail += now.space == device_space ? " with mem_device" : " with mem_threadgroup";
  const auto away = static_cast<int32_t>(earlier.pc - static_cast<uint32_t>(pc));
  add({apart ? "race between threadgroups" : "race", pc, pc + static_cast<std::intptr_t>(away),
       &region},
      detail, &region, address, size, &earlier);
}

namespace {

void divergence(uint32_t, const char* what, const Position& thread, uint32_t line,
                const void* where) {
  const auto pc = reinterpret_cast<std::uintptr_t>(where);
  add_finding({"divergent barrier", pc, line, nullptr}, [&] {
    return Finding{"divergent barrier", what, place_of(thread, pc, line), false, {}, "", 0};
  });
}

const Hooks table{launch_begin,       launch_end,   page_bytes, 4 * page_bytes,
                  threadgroup_arena_of, threadgroup_begin, threadgroup_end, thread_begin,
                  thread_end,         barrier,      simdgroup_meeting,  divergence};

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

const char* checker_writer(int index, std::size_t offset) {
  static std::string text;
  text.clear();
  for (const checker::Region& region : checker::state.regions) {
    if (region.allocation.index != index || offset >= region.allocation.size) continue;
    if (region.cells == nullptr) continue;
    const checker::Cell& word = region.cells[offset / 4];
    const checker::Access& access =
        word.flags & checker::cell_split ? region.byte_cells[offset].write : word.write;
    if (access.group >= checker::state.first_group)
      text = checker::place_as_json(checker::place_of(access, checker::state.some_pc));
  }
  return text.c_str();
}

const char* checker_findings() {
  static std::string text;
  text = checker::findings_as_json_lines();
  return text.c_str();
}

void inactive_lane(const char* function, uint32_t lane) {
  if (checker::worker == nullptr) return;
  const auto pc = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  const Position& p = current();
  checker::add_finding({"inactive lane", pc, current_site, nullptr}, [&] {
    const std::string detail =
        std::string(function) + " takes the value of lane " + std::to_string(lane) +
        " of the simdgroup, which does not take part";
    return checker::Finding{"inactive lane", detail, checker::place_of(p, pc, current_site),
                            false,           {},     "", 0};
  });
}

}  // namespace metal_emulator
