// Executes one threadgroup after another: its threads are fibers of one operating-system thread.
//
// A thread runs until it waits (at a barrier or at a simd function) or returns. Threads that never
// wait follow each other on one stack, without a switch. The lane that comes last to a meeting goes
// on at once, and the others are resumed in turn, so that a simd function costs one switch a lane.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "contract.hpp"
#include "fibers.hpp"

namespace metal_emulator {

enum class State : uint8_t { unstarted, ready, at_meeting, at_barrier, returned };

struct Fiber {
  void* stack_pointer = nullptr;
  Stack stack;
};

struct Thread {
  Position position;
  void* stack_pointer;
  Fiber* fiber;
  State state;
  uint32_t site;  // current_site of the barrier or simd function where it waits
  int scope_flags;
  const void* where;
  const void* kind;
  const void* deposit;  // what it brings to the meeting, on its own stack
  std::size_t size;
  void (*combine)(const Meeting&, void*);
  void* context;
  uint32_t active;  // lanes of the meeting that it comes back from
};

// A meeting is held only when all lanes of the simdgroup wait, hence when all have read the one
// before: one row of slots is enough.
struct Simdgroup {
  alignas(64) unsigned char slots[simd_width * max_exchange_bytes];
  alignas(64) unsigned char result[max_exchange_bytes];
  uint32_t ready;    // lanes that can run
  uint32_t arrived;  // lanes that wait at a meeting
  uint32_t live;     // lanes that have not returned
};

struct Task {
  const Launch* launch;
  Entry entry;
  const Arguments* arguments;
  const Allocation* threadgroup_memory;  // their `data` are offsets into a worker's arena
  std::size_t threadgroup_memory_count;
  std::size_t threadgroup_memory_end;  // bytes of an arena that the launch uses
};

class Worker {
 public:
  explicit Worker(uint32_t index);
  void begin_launch(const Task& task);  // on the operating-system thread that runs the worker
  void run_threadgroup(uint32_t linear_index);

  // Called from the running thread, through the free functions of contract.hpp.
  Meeting meet(const void* mine, std::size_t size, const void* kind,
               void (*combine)(const Meeting&, void*), void* context, int scope_flags,
               const void* where);
  void threadgroup_barrier(int scope_flags, const void* where);

 private:
  static void fiber_main();
  void run_threads();
  void start(Thread& thread);
  void finish(Thread& thread);
  void wait(Thread& thread);
  void resume(Thread& thread);
  Thread* next();
  Thread* pick(uint32_t simdgroup);
  void meet_in_part(uint32_t simdgroup);
  void release(uint32_t simdgroup, uint32_t lanes, const Thread& last);
  void release_barrier(const Thread& last);
  Fiber* idle_fiber();
  uint32_t choose(uint32_t mask, uint32_t after);

  uint32_t index_;
  Task task_{};
  unsigned char* own_arena_;
  unsigned char* arena_;  // of the running launch: its own, or the checker's
  std::vector<Thread> threads_;
  std::vector<Simdgroup> simdgroups_;
  std::vector<Fiber*> idle_;
  void* main_stack_pointer_ = nullptr;
  Thread* running_ = nullptr;
  uint32_t count_ = 0, live_ = 0, at_barrier_ = 0;
  uint32_t ready_simdgroups_ = 0, last_simdgroup_ = 0;
  uint64_t random_ = 0;
  Position group_{};  // what all threads of the running threadgroup have in common
  std::vector<Allocation> memory_;
  friend struct CrashReport;
};

constexpr std::size_t arena_bytes = std::size_t{256} << 20;

// The order of the threadgroups of a launch: in order without a seed.
std::vector<uint32_t> threadgroup_order(const Launch& launch);

}  // namespace metal_emulator
