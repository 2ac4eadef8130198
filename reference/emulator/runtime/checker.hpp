// The checker's own state: where memory lies, who owns it, and how far each worker has come.
//
// Everything that a kernel may touch lies in one reserved stretch of address space, cut into slots
// of 2^slot_bits bytes: a slot for each buffer, which begins in the middle of it, then one for each
// worker with the arena of its threadgroup memory. So the slot of an address is a shift away, and an
// index that is wrong by less than half a slot is still reported under the name of its buffer.
// Stray accesses fall on pages that are mapped, but nobody's: they are reported and do no harm.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "contract.hpp"
#include "shadow.hpp"

namespace metal_emulator::checker {

constexpr uint32_t max_workers = 128;
constexpr uint32_t slot_count = max_buffers + max_workers;
constexpr std::size_t page_bytes = 4096;
constexpr std::size_t max_arena_bytes = std::size_t{256} << 20;

// What is remembered of a stretch of memory; all null where nothing is. For words that are split
// there is the same for each byte; `shared` of such a word is that of its bytes, if they agree.
struct Shadow {
  Cell *cells, *byte_cells;
  Stretch *shared, *byte_shared;

  Note word(std::size_t at) const { return {cells[at / 4], shared[at / 4]}; }
  Note byte(std::size_t at) const { return {byte_cells[at], byte_shared[at]}; }
};

// An allocation: a buffer of the launch, or a variable or argument in threadgroup memory.
struct Region {
  Allocation allocation;
  Shadow shadow;  // of a buffer
};

// How far the threads of the threadgroup that a worker runs have come.
struct Clock {
  uint32_t base;    // stamp of the last threadgroup_barrier
  Stretch stretch;  // since then
  uint32_t simdgroup[max_threads_per_threadgroup / simd_width];  // stamp of its last barrier

  uint32_t when(uint32_t thread) const {
    return simdgroup[thread / simd_width] << thread_bits | thread;
  }
};

// Which bytes of the arena an access to a page may touch; none where both are 0.
struct Page {
  uint32_t begin, end;
};

// A buffer or an arena in its slot, in short. Without a shadow all that matters of a read is where
// it is; with one, a read of what threads share in a running stretch changes nothing. Of an arena
// the worker keeps the stretches, of a buffer they are that of the launch.
struct alignas(64) Window {
  std::uintptr_t begin;
  std::size_t read_only_size;  // the size, or 0 where there is a shadow
  std::size_t words;           // that have a shadow
  const Stretch* shared;
  Stretch stretch, simdgroup_stretch;
  const Shadow* shadow;
};

struct Worker {
  Access me[2];                 // the running thread, by Space, as `stretch`
  Stretch stretch[2];           // of its simdgroup
  uint32_t index, group;        // number of the threadgroup over all launches
  uint32_t counter;             // of barriers in this threadgroup, of both kinds
  Clock clock[2];               // by Space
  unsigned char* arena;
  Window* window;               // of the arena
  Shadow shadow;                // of the arena
  std::vector<Region> regions;  // of threadgroup memory
  std::vector<Page> pages;      // of the arena

  // Sets `me` and `stretch` when another thread runs or a barrier was passed.
  void look_up() {
    const uint32_t thread = current_position->thread_index_in_threadgroup;
    for (const Space space : {device_space, threadgroup_space}) {
      me[space] = {group, clock[space].when(thread), 0};
      stretch[space] = stretch_of_simdgroup(me[space]);
    }
    window->simdgroup_stretch = stretch[threadgroup_space];
  }
};

struct State {
  bool bounds, races, uninitialized;
  bool watched;                 // races or uninitialized: accesses leave a note
  bool concurrent;              // several workers share the cells of buffers
  uint32_t slot_bits;
  unsigned char* memory;        // slot 0
  std::size_t memory_bytes;
  Window windows[slot_count];   // by slot
  Region regions[max_buffers];  // by slot
  Worker* workers[max_workers];
  uint32_t first_group;         // of this launch
  Stretch stretch;              // of this launch
  Launch launch;
  std::atomic<std::uintptr_t> some_pc;  // of the kernel, to complete remembered ones from
  std::mutex atomics_mutex;
  std::unordered_map<const Cell*, AtomicCell> atomics;
};

extern State state;
// Of the running threadgroup, or null.
extern __thread Worker* worker __attribute__((tls_model("initial-exec")));

void report_out_of_bounds(const Region* region, std::uintptr_t address, std::size_t size,
                          bool write, std::uintptr_t pc);
// `array` is its type, as the source has it.
void report_index(int64_t index, const std::string& array, std::uintptr_t pc);
void report_read_only(const Region& region, std::uintptr_t address, std::size_t size,
                      std::uintptr_t pc);
void report_uninitialized(const Region& region, std::uintptr_t address, std::size_t size,
                          std::uintptr_t pc);
void report_race(const Region& region, std::uintptr_t address, std::size_t size,
                 const Access& earlier, const Moment& now, bool earlier_wrote, bool write,
                 bool atomic, std::uintptr_t pc);
void report_divergence(uint32_t worker, const char* what, const Position& thread, uint32_t site,
                       const void* where);

}  // namespace metal_emulator::checker
