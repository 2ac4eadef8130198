#include "scheduler.hpp"

#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "schedule.hpp"

namespace metal_emulator {

__thread const Position* current_position = nullptr;
__thread unsigned char* threadgroup_arena = nullptr;
__thread uint32_t current_site = 0;
const Hooks* hooks = nullptr;

namespace {

__thread Worker* current_worker = nullptr;
constexpr std::size_t stack_bytes = std::size_t{256} << 10;
const char barrier_kind = 0;

uint32_t lowest(uint32_t mask) { return static_cast<uint32_t>(__builtin_ctz(mask)); }

}  // namespace

void threadgroup_barrier(int scope_flags) {
  current_worker->threadgroup_barrier(scope_flags, __builtin_return_address(0));
}

void simdgroup_barrier(int scope_flags) {
  current_worker->meet(nullptr, 0, &barrier_kind, nullptr, nullptr, scope_flags,
                       __builtin_return_address(0));
}

Meeting meet(const void* mine, std::size_t size, const void* kind,
             void (*combine)(const Meeting&, void*), void* context) {
  return current_worker->meet(mine, size, kind, combine, context, -1,
                              __builtin_return_address(0));
}

Worker::Worker(uint32_t index)
    : index_(index),
      own_arena_(reserve(arena_bytes)),
      arena_(own_arena_),
      threads_(max_threads_per_threadgroup),
      simdgroups_(max_threads_per_threadgroup / simd_width) {}

void Worker::begin_launch(const Task& task) {
  task_ = task;
  memory_.resize(task.threadgroup_memory_count);
  current_worker = this;
  arena_ = hooks != nullptr ? hooks->threadgroup_arena(index_, task.threadgroup_memory_end)
                            : own_arena_;
  threadgroup_arena = arena_;
}

// ---- which thread runs --------------------------------------------------------------------------

// The lane or simdgroup of `mask` that runs next: the one after `after`, in a circle; with a
// schedule seed, any.
inline uint32_t Worker::choose(uint32_t mask, uint32_t after) {
  if (random_ == 0) {
    const uint32_t later = after >= 31 ? 0 : mask & (~uint32_t{0} << (after + 1));
    return lowest(later != 0 ? later : mask);
  }
  random_ = scramble(random_) | 1;
  uint32_t skip = static_cast<uint32_t>((random_ >> 32) % __builtin_popcount(mask));
  while (skip-- > 0) mask &= mask - 1;
  return lowest(mask);
}

Thread* Worker::pick(uint32_t simdgroup) {
  Simdgroup& s = simdgroups_[simdgroup];
  const uint32_t after =
      running_ != nullptr && running_->position.simdgroup_index_in_threadgroup == simdgroup
          ? running_->position.thread_index_in_simdgroup
          : 31;
  const uint32_t lane = choose(s.ready, after);
  s.ready &= ~(1u << lane);
  last_simdgroup_ = simdgroup;
  return &threads_[simdgroup * simd_width + lane];
}

// The next thread to run, or null when all have returned.
Thread* Worker::next() {
  if (live_ == 0) return nullptr;
  for (;;) {
    const uint32_t own = last_simdgroup_;
    if (simdgroups_[own].ready == 0 && simdgroups_[own].arrived != 0) meet_in_part(own);
    if (simdgroups_[own].ready != 0) return pick(own);
    ready_simdgroups_ &= ~(1u << own);
    if (ready_simdgroups_ != 0) {
      last_simdgroup_ = choose(ready_simdgroups_, own);
      continue;
    }
    for (uint32_t i = 0; i < count_; ++i) {
      if (threads_[i].state == State::at_barrier) {
        release_barrier(threads_[i]);
        break;
      }
    }
  }
}

// ---- meetings of a simdgroup --------------------------------------------------------------------

Meeting Worker::meet(const void* mine, std::size_t size, const void* kind,
                     void (*combine)(const Meeting&, void*), void* context, int scope_flags,
                     const void* where) {
  Thread& thread = *running_;
  const uint32_t lane = thread.position.thread_index_in_simdgroup;
  const uint32_t group = thread.position.simdgroup_index_in_threadgroup;
  Simdgroup& s = simdgroups_[group];
  thread.deposit = mine;
  thread.size = size;
  thread.kind = kind;
  thread.combine = combine;
  thread.context = context;
  thread.scope_flags = scope_flags;
  thread.where = where;
  thread.site = current_site;
  thread.state = State::at_meeting;
  s.arrived |= 1u << lane;
  if (s.arrived == s.live) {
    meet_in_part(group);
    if (thread.state == State::ready) {
      s.ready &= ~(1u << lane);
    } else {
      wait(thread);
    }
  } else {
    wait(thread);
  }
  return {s.slots, s.result, thread.active, lane};
}

// All lanes of the simdgroup wait. Those that are at the first place in the source go on: lanes that
// took another branch do not take part, and lanes that are further on wait for them, as on a GPU.
void Worker::meet_in_part(uint32_t simdgroup) {
  Simdgroup& s = simdgroups_[simdgroup];
  Thread* lanes = &threads_[simdgroup * simd_width];
  const Thread* first = &lanes[lowest(s.arrived)];
  bool same = true;
  for (uint32_t rest = s.arrived & (s.arrived - 1); rest != 0; rest &= rest - 1) {
    const Thread& other = lanes[lowest(rest)];
    if (other.site == first->site && other.kind == first->kind) continue;
    same = false;
    if (other.site < first->site || (other.site == first->site && other.where < first->where)) {
      first = &other;
    }
  }
  uint32_t active = s.arrived;
  if (!same) {
    for (uint32_t rest = s.arrived; rest != 0; rest &= rest - 1) {
      const Thread& other = lanes[lowest(rest)];
      if (other.site != first->site || other.kind != first->kind) active &= ~(1u << lowest(rest));
    }
  }
  release(simdgroup, active, *first);
}

void Worker::release(uint32_t simdgroup, uint32_t active, const Thread& first) {
  Simdgroup& s = simdgroups_[simdgroup];
  Thread* lanes = &threads_[simdgroup * simd_width];
  const std::size_t size = first.size;
  for (uint32_t rest = active; rest != 0; rest &= rest - 1) {
    const uint32_t lane = lowest(rest);
    Thread& thread = lanes[lane];
    if (size == 4) {  // by far the most frequent
      std::memcpy(s.slots + lane * 4, thread.deposit, 4);
    } else if (size != 0) {
      std::memcpy(s.slots + lane * size, thread.deposit, size);
    }
    thread.active = active;
    thread.state = State::ready;
  }
  if (first.combine != nullptr) {
    first.combine({s.slots, s.result, active, first.position.thread_index_in_simdgroup},
                  first.context);
  }
  s.arrived &= ~active;
  s.ready |= active;
  ready_simdgroups_ |= 1u << simdgroup;
  if (hooks != nullptr) {
    hooks->simdgroup_meeting(index_, simdgroup, active, first.scope_flags);
  }
}

// ---- barriers -----------------------------------------------------------------------------------

void Worker::threadgroup_barrier(int scope_flags, const void* where) {
  Thread& thread = *running_;
  thread.state = State::at_barrier;
  thread.scope_flags = scope_flags;
  thread.where = where;
  thread.site = current_site;
  if (++at_barrier_ == live_) {
    release_barrier(thread);
    simdgroups_[thread.position.simdgroup_index_in_threadgroup].ready &=
        ~(1u << thread.position.thread_index_in_simdgroup);
    return;
  }
  wait(thread);
}

void Worker::release_barrier(const Thread& last) {
  if (hooks != nullptr) {
    if (live_ != count_) {
      hooks->divergence(index_, "some threads of the threadgroup returned before this barrier",
                        last.position, last.site, last.where);
    }
    for (uint32_t i = 0; i < count_; ++i) {
      const Thread& other = threads_[i];
      if (other.state == State::at_barrier && other.site != last.site) {
        hooks->divergence(index_, "threads of the threadgroup wait at different barriers",
                          other.position, other.site, other.where);
        break;
      }
    }
  }
  const int scope_flags = last.scope_flags;
  for (uint32_t i = 0; i < count_; ++i) {
    if (threads_[i].state == State::at_barrier) threads_[i].state = State::ready;
  }
  for (uint32_t group = 0; group * simd_width < count_; ++group) {
    simdgroups_[group].ready = simdgroups_[group].live;
    if (simdgroups_[group].live != 0) ready_simdgroups_ |= 1u << group;
  }
  at_barrier_ = 0;
  if (hooks != nullptr) hooks->barrier(index_, scope_flags);
}

// ---- fibers -------------------------------------------------------------------------------------

void Worker::wait(Thread& thread) {
  Simdgroup& own = simdgroups_[last_simdgroup_];
  Thread* other;
  if (random_ == 0 && own.ready != 0) {  // next(), for what happens at nearly every simd function
    const uint32_t lane = choose(own.ready, thread.position.thread_index_in_simdgroup);
    own.ready &= ~(1u << lane);
    other = &threads_[last_simdgroup_ * simd_width + lane];
  } else {
    other = next();
  }
  if (other == &thread) return;
  running_ = other;
  current_position = &other->position;
  void* load = other->stack_pointer;
  if (other->state == State::unstarted) {
    load = idle_fiber()->stack_pointer;
  } else if (hooks != nullptr) {
    hooks->thread_runs(index_);
  }
  metal_emulator_switch(&thread.stack_pointer, load);
}

// A fiber that waits for a thread to begin: the one that was used last, or a new one.
Fiber* Worker::idle_fiber() {
  if (idle_.empty()) {
    auto* fiber = new Fiber;
    fiber->stack = make_stack(stack_bytes);
    static std::atomic<uint32_t> made{0};
    const std::size_t color = (made++ * 5 % 64) * 64;
    fiber->stack_pointer = prepare(fiber->stack, color, &Worker::fiber_main);
    idle_.push_back(fiber);
  }
  Fiber* fiber = idle_.back();
  idle_.pop_back();
  running_->fiber = fiber;
  return fiber;
}

void Worker::fiber_main() {
  for (;;) current_worker->run_threads();
}

// Runs the thread that this fiber was given and those that can follow it on the same stack.
void Worker::run_threads() {
  Fiber* fiber = running_->fiber;
  for (;;) {
    Thread& thread = *running_;
    thread.fiber = fiber;
    start(thread);
    task_.entry(*task_.arguments);
    finish(thread);
    Thread* other = next();
    running_ = other;
    if (other != nullptr) {
      current_position = &other->position;
      if (other->state == State::unstarted) continue;
      if (hooks != nullptr) hooks->thread_runs(index_);
    }
    idle_.push_back(fiber);
    metal_emulator_switch(&fiber->stack_pointer,
                          other != nullptr ? other->stack_pointer : main_stack_pointer_);
    return;
  }
}

void Worker::start(Thread& thread) {
  const uint32_t index = static_cast<uint32_t>(&thread - threads_.data());
  const Size3 size = group_.threads_per_threadgroup;
  const Size3 dispatched = group_.dispatch_threads_per_threadgroup;
  const Size3 group = group_.threadgroup_position_in_grid;
  Position& p = thread.position;
  p = group_;
  const Size3 local{index % size.x, index / size.x % size.y, index / (size.x * size.y)};
  p.thread_position_in_threadgroup = local;
  p.thread_position_in_grid = {group.x * dispatched.x + local.x, group.y * dispatched.y + local.y,
                               group.z * dispatched.z + local.z};
  p.thread_index_in_threadgroup = index;
  p.thread_index_in_simdgroup = index % simd_width;
  p.simdgroup_index_in_threadgroup = index / simd_width;
  p.thread_index_in_quadgroup = index % 4;
  p.quadgroup_index_in_threadgroup = index / 4;
  thread.state = State::ready;
  current_site = 0;
  if (hooks != nullptr) hooks->thread_runs(index_);
}

void Worker::finish(Thread& thread) {
  thread.state = State::returned;
  simdgroups_[thread.position.simdgroup_index_in_threadgroup].live &=
      ~(1u << thread.position.thread_index_in_simdgroup);
  --live_;
}

void Worker::run_threadgroup(uint32_t linear_index) {
  const Launch& launch = *task_.launch;
  const Size3 groups = launch.threadgroups_per_grid;
  const Size3 dispatched = launch.threads_per_threadgroup;
  const Size3 grid = launch.threads_per_grid;
  const Size3 at{linear_index % groups.x, linear_index / groups.x % groups.y,
                 linear_index / (groups.x * groups.y)};
  const auto real = [](uint32_t position, uint32_t size, uint32_t end) {
    return end - position * size < size ? end - position * size : size;
  };
  group_ = {};
  group_.threadgroup_position_in_grid = at;
  group_.threads_per_threadgroup = {real(at.x, dispatched.x, grid.x),
                                    real(at.y, dispatched.y, grid.y),
                                    real(at.z, dispatched.z, grid.z)};
  group_.dispatch_threads_per_threadgroup = dispatched;
  group_.threads_per_grid = grid;
  group_.threadgroups_per_grid = groups;
  const Size3 size = group_.threads_per_threadgroup;
  count_ = size.x * size.y * size.z;
  group_.simdgroups_per_threadgroup = (count_ + simd_width - 1) / simd_width;
  group_.dispatch_simdgroups_per_threadgroup =
      (dispatched.x * dispatched.y * dispatched.z + simd_width - 1) / simd_width;
  group_.threads_per_simdgroup = simd_width;
  group_.quadgroups_per_threadgroup = (count_ + 3) / 4;

  live_ = count_;
  at_barrier_ = 0;
  ready_simdgroups_ = 0;
  running_ = nullptr;
  random_ = launch.schedule_seed == 0 ? 0 : scramble(launch.schedule_seed ^ scramble(linear_index)) | 1;
  for (uint32_t i = 0; i < count_; ++i) {
    Thread& thread = threads_[i];
    thread.state = State::unstarted;
    thread.position.thread_index_in_simdgroup = i % simd_width;
    thread.position.simdgroup_index_in_threadgroup = i / simd_width;
  }
  for (uint32_t group = 0; group < group_.simdgroups_per_threadgroup; ++group) {
    const uint32_t lanes = count_ - group * simd_width;
    Simdgroup& s = simdgroups_[group];
    s.live = s.ready = lanes >= simd_width ? ~uint32_t{0} : (1u << lanes) - 1;
    s.arrived = 0;
    ready_simdgroups_ |= 1u << group;
  }
  last_simdgroup_ = choose(ready_simdgroups_, 31);
  if (hooks != nullptr) {
    for (std::size_t i = 0; i < task_.threadgroup_memory_count; ++i) {
      memory_[i] = task_.threadgroup_memory[i];
      memory_[i].data = arena_ + reinterpret_cast<std::uintptr_t>(memory_[i].data);
    }
    hooks->threadgroup_begin(index_, group_, memory_.data(), task_.threadgroup_memory_count);
  }
  running_ = next();
  current_position = &running_->position;
  metal_emulator_switch(&main_stack_pointer_, idle_fiber()->stack_pointer);
  current_position = nullptr;
  if (hooks != nullptr) hooks->threadgroup_end(index_);
}

std::vector<uint32_t> threadgroup_order(const Launch& launch) {
  const Size3 groups = launch.threadgroups_per_grid;
  std::vector<uint32_t> order(std::size_t{groups.x} * groups.y * groups.z);
  std::iota(order.begin(), order.end(), 0u);
  if (launch.schedule_seed != 0) {
    permute(order.data(), static_cast<uint32_t>(order.size()), launch.schedule_seed, 0);
  }
  return order;
}

}  // namespace metal_emulator
