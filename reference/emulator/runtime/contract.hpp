// What the three parts of the emulator share: the metal_stdlib shim (include/), the runtime that
// executes threads as fibers, and the checker. Kernels are compiled against this header; the
// symbols are in the host program (host.cpp) that loads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace metal_emulator {

constexpr uint32_t simd_width = 32;
constexpr uint32_t max_threads_per_threadgroup = 1024;
constexpr uint32_t max_buffers = 64;

struct Size3 {
  uint32_t x, y, z;
};

// One field for each position attribute of Metal (specification, section 5.2.3.6), same names.
struct Position {
  Size3 thread_position_in_grid;
  Size3 threadgroup_position_in_grid;
  Size3 thread_position_in_threadgroup;
  Size3 threads_per_threadgroup;           // the real size: smaller at the edge of the grid
  Size3 dispatch_threads_per_threadgroup;  // the size that was asked for
  Size3 threads_per_grid;
  Size3 threadgroups_per_grid;
  uint32_t thread_index_in_threadgroup;
  uint32_t thread_index_in_simdgroup;
  uint32_t simdgroup_index_in_threadgroup;
  uint32_t simdgroups_per_threadgroup;
  uint32_t dispatch_simdgroups_per_threadgroup;
  uint32_t threads_per_simdgroup;
  uint32_t thread_index_in_quadgroup;
  uint32_t quadgroup_index_in_threadgroup;
  uint32_t quadgroups_per_threadgroup;
};

// ---- threads ------------------------------------------------------------------------------------

// `__thread`, not `thread_local`: known to have no initialiser to run, which each use would ask for.
extern __thread const Position* current_position __attribute__((tls_model("initial-exec")));

inline const Position& current() { return *current_position; }

// Waits until all threads of the threadgroup that have not returned are here. `scope_flags` are the
// mem_flags of Metal: 1 device, 2 threadgroup, 4 texture.
void threadgroup_barrier(int scope_flags);
void simdgroup_barrier(int scope_flags);

// Where in the source this thread calls a barrier or a simd function next: the line, over which the
// file stands, in the order in which files were included. The translator puts `Site<…>() =` before the first argument of such a call: two calls in two branches are two
// meetings, however the compiler merges or copies them.
extern __thread uint32_t current_site __attribute__((tls_model("initial-exec")));

constexpr uint32_t site_line_bits = 20;

constexpr uint32_t line_of_site(uint32_t site) { return site & ((1u << site_line_bits) - 1); }

template <uint32_t file, uint32_t line>
struct Site {
  template <class T>
  __attribute__((no_sanitize("thread"), always_inline)) T&& operator=(T&& value) const {
    current_site = file << site_line_bits | line_of_site(line);
    return static_cast<T&&>(value);
  }
};

// What a lane brings home when the lanes of a simdgroup met: `slots` holds 32 values of `size`
// bytes, `result` what `combine` wrote; both are valid until this lane's next meeting.
struct Meeting {
  const unsigned char* slots;
  unsigned char* result;
  uint32_t active;  // bit i: lane i takes part
  uint32_t lane;
};

constexpr std::size_t max_exchange_bytes = 64;

// Deposits `size` bytes and waits for the other active lanes. When the last one has come it calls
// `combine(meeting, context)` once, if given, before any lane goes on. `kind` tells meetings of
// different operations apart.
Meeting meet(const void* mine, std::size_t size, const void* kind,
             void (*combine)(const Meeting&, void*), void* context);

template <class T>
struct MeetingKind {
  static inline const char tag = 0;
};

// Every active lane deposits `mine`, then all see all: the value of lane i is returned[i], valid
// until this lane's next exchange; bits of `active` tell which lanes take part.
template <class T>
__attribute__((no_sanitize("thread"))) inline const T* exchange(const T& mine, uint32_t& active) {
  static_assert(sizeof(T) <= max_exchange_bytes && std::is_trivially_copyable_v<T>);
  Meeting meeting = meet(&mine, sizeof(T), &MeetingKind<T>::tag, nullptr, nullptr);
  active = meeting.active;
  return reinterpret_cast<const T*>(meeting.slots);
}

template <class T>
__attribute__((no_sanitize("thread"))) inline void exchange(const T& mine, T (&all)[32],
                                                            uint32_t& active) {
  const T* values = exchange(mine, active);
  std::memcpy(all, values, sizeof(all));
}

// As exchange, but `f(const T* all, uint32_t active) -> R` runs once for the simdgroup, in the lane
// that comes last, and every lane gets its result: what reductions build on.
template <class R, class T, class F>
__attribute__((no_sanitize("thread"))) inline R collect(const T& mine, F f) {
  static_assert(sizeof(T) <= max_exchange_bytes && sizeof(R) <= max_exchange_bytes);
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_copyable_v<R>);
  struct Combine {
    __attribute__((no_sanitize("thread"))) static void call(const Meeting& m, void* context) {
      const R value =
          (*static_cast<F*>(context))(reinterpret_cast<const T*>(m.slots), m.active);
      std::memcpy(m.result, &value, sizeof(R));
    }
  };
  Meeting meeting = meet(&mine, sizeof(T), &MeetingKind<F>::tag, &Combine::call, &f);
  R value;
  std::memcpy(&value, meeting.result, sizeof(R));
  return value;
}

// ---- memory of a threadgroup --------------------------------------------------------------------

// A variable declared `threadgroup` in a kernel: the translator makes one slot for each, and every
// worker has its own arena with all slots at the same offsets.
struct ThreadgroupSlot {
  const char* name;
  std::size_t offset, size, element_size;
  ThreadgroupSlot(const char* name, std::size_t size, std::size_t element_size);
};

extern __thread unsigned char* threadgroup_arena __attribute__((tls_model("initial-exec")));

template <class T, class Tag>
struct ThreadgroupVariable {
  static inline ThreadgroupSlot slot{Tag::label(), sizeof(T), sizeof(std::remove_all_extents_t<T>)};
};

template <class T, class Tag>
__attribute__((no_sanitize("thread"))) inline T& threadgroup_variable() {
  return *reinterpret_cast<T*>(threadgroup_arena + ThreadgroupVariable<T, Tag>::slot.offset);
}

// ---- the arguments of a kernel ------------------------------------------------------------------

// What a launch thunk binds the parameters of a kernel to.
struct Arguments {
  void* buffers[max_buffers];                   // by [[buffer(i)]], null where nothing is bound
  std::size_t threadgroup_offsets[max_buffers];  // by [[threadgroup(i)]], into the arena
};

using Entry = void (*)(const Arguments&);

// ---- what a launch is, for the checker -----------------------------------------------------------

struct Allocation {
  const char* name;           // of the kernel's parameter or of the threadgroup variable
  unsigned char* data;
  std::size_t size;           // bytes
  std::size_t element_size;   // bytes; 1 where it is not known
  int index;                  // [[buffer(index)]] or [[threadgroup(index)]], -1 for a variable
  bool writable;              // false for `constant` and `const device` parameters
};

struct Launch {
  const char* kernel;
  Size3 threadgroups_per_grid, threads_per_grid, threads_per_threadgroup;
  Allocation* buffers;
  std::size_t buffer_count;
  uint64_t schedule_seed;     // 0: in order
  uint32_t worker_count;
};

// The checker fills this table when a check is asked for; in plain runs `hooks` is null. All calls
// about a threadgroup come from the operating-system thread that runs it (`worker`, from 0). Who is
// running is current().
struct Hooks {
  // Moves the buffers between guard bands of the checker's own (`buffers[i].data` is where the
  // kernel must find them); launch_end() copies what was written back and restores the pointers.
  void (*launch_begin)(Launch&);
  void (*launch_end)(Launch&);
  // The arena of a worker is the checker's memory, too, and every slot or argument in it begins at
  // a multiple of `threadgroup_alignment` with at least `threadgroup_gap` free bytes after it.
  std::size_t threadgroup_alignment, threadgroup_gap;
  unsigned char* (*threadgroup_arena)(uint32_t worker, std::size_t size);
  void (*threadgroup_begin)(uint32_t worker, const Position& first, const Allocation* memory,
                            std::size_t count);
  void (*threadgroup_end)(uint32_t worker);
  // The thread current() begins, or goes on after another one ran.
  void (*thread_runs)(uint32_t worker);
  // All threads of the threadgroup are at a barrier and go on now.
  void (*barrier)(uint32_t worker, int scope_flags);
  // The lanes `active` of one simdgroup met, at a simdgroup_barrier (flags >= 0) or at a simd
  // function (flags -1), and go on now.
  void (*simdgroup_meeting)(uint32_t worker, uint32_t simdgroup, uint32_t active, int scope_flags);
  // A barrier that not all threads of the threadgroup reach: some have returned, or wait at
  // another one. `thread` stands for those that wait, at `site` and at the return address `where`.
  void (*divergence)(uint32_t worker, const char* what, const Position& thread, uint32_t site,
                     const void* where);
};

extern const Hooks* hooks;

// What a simd function calls before it takes the value of a lane that takes no part (the bit of
// `active` is 0): undefined in Metal, a finding when checked, nothing in a plain run.
__attribute__((cold)) void inactive_lane(const char* function, uint32_t lane);

// The checker's entry points, called by the host program. `checks` as given to Python
// ("bounds,races,uninitialized"); returns null for none. findings() is one JSON object a line.
const Hooks* checker_start(const char* checks);
const char* checker_findings();
// Who wrote this byte of a buffer last in the last checked launch: a JSON object, or empty.
const char* checker_writer(int buffer_index, std::size_t offset);

// The order of things in a launch with a seed: fills `order` with a permutation of 0..count-1.
// `stream` differs for each use, so that two threadgroups do not share an order.
void permute(uint32_t* order, uint32_t count, uint64_t seed, uint64_t stream);

}  // namespace metal_emulator
