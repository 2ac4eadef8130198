// What the checker remembers of every four bytes of memory, and the rules that make a race.
//
// Two accesses race when different threads make them, at least one writes, at least one is not
// atomic, and no barrier lies between them: a threadgroup_barrier whose mem_flags name the memory
// orders all threads of a threadgroup, a simdgroup_barrier orders the lanes of one simdgroup, and
// nothing orders two threadgroups of one launch. Writes of the same value race as well: Metal makes
// no exception for them.
#pragma once

#include <cstdint>

#include "contract.hpp"

namespace metal_emulator::checker {

enum Space : uint32_t { device_space = 0, threadgroup_space = 1 };

constexpr uint32_t thread_bits = 10;
static_assert(max_threads_per_threadgroup == 1u << thread_bits);

// One access. `group` numbers the threadgroups of all launches of the process from 1, so that what
// an earlier launch left behind is told from what this one did. `when` is the number of barriers
// that the simdgroup had passed, its stamp, over the thread. `pc` is the low half of the return
// address in the kernel.
struct Access {
  uint32_t group, when, pc;

  uint32_t thread() const { return when & (max_threads_per_threadgroup - 1); }
  uint32_t simdgroup() const { return thread() / simd_width; }
  uint32_t stamp() const { return when >> thread_bits; }
  bool same_as(const Access& other) const { return group == other.group && when == other.when; }
};

// Names a stretch of a launch in which one more read of a cell changes nothing, as two reads are
// known of which one races with any write to come: the time between two barriers of a threadgroup
// or of a simdgroup, or all of the launch.
using Stretch = uint64_t;

inline Stretch stretch_of_threadgroup(uint32_t group, uint32_t base) {
  return Stretch{group} << 32 | base << 6 | 63;
}
inline Stretch stretch_of_simdgroup(const Access& a) {
  return Stretch{a.group} << 32 | a.stamp() << 6 | a.simdgroup();
}
inline Stretch stretch_of_launch(uint32_t first_group) { return Stretch{first_group} << 32 | 62; }

// An access to come, and the order in which its thread stands to the others.
struct Moment {
  Access access;
  uint32_t base;         // stamp of the last threadgroup_barrier
  uint32_t first_group;  // of this launch
  Space space;
};

// Whether `earlier` can not race with an access at `now`: nobody, this thread, or behind a barrier.
inline __attribute__((always_inline)) bool ordered(const Access& earlier, const Moment& now) {
  if (earlier.group != now.access.group)
    return now.space == threadgroup_space || earlier.group < now.first_group;
  if (earlier.thread() == now.access.thread() || earlier.stamp() < now.base) return true;
  return earlier.simdgroup() == now.access.simdgroup() && earlier.stamp() < now.access.stamp();
}

// How far two accesses are from being ordered by a barrier yet to come.
inline uint32_t distance(const Access& a, const Access& b) {
  if (a.group != b.group) return 3;
  if (a.simdgroup() != b.simdgroup()) return 2;
  return a.thread() != b.thread();
}

// Adds an access to a set whose members do not race with each other. Two members are enough: the
// last one and, of those that are not ordered before it, one as far from it as there is. Whoever
// races with any member races with one of these two.
inline __attribute__((always_inline)) void join(Access& last, Access& far, const Moment& now) {
  const bool keep_last = !ordered(last, now), keep_far = !ordered(far, now);
  if (keep_last && (!keep_far || distance(last, now.access) >= distance(far, now.access)))
    far = last;
  else if (!keep_far)
    far = Access{};
  last = now.access;
}

enum CellFlags : uint8_t { cell_split = 1, cell_atomic = 2 };

// Of one word, or of one byte of a word that was accessed in parts (cell_split). All zero: nobody
// has been here.
struct Cell {
  Access write, read, far_read;
  uint8_t flags, lock;
};

// The stretch in which threads share what they read, 0 for none, apart from the cells: most
// accesses ask for nothing else.
struct Note {
  Cell& cell;
  Stretch& shared;
};

// An access that races with the one at `now`, or null.
inline __attribute__((always_inline)) const Access* race_of(const Cell& cell, const Moment& now, bool write) {
  if (!ordered(cell.write, now)) return &cell.write;
  if (!write) return nullptr;
  if (!ordered(cell.read, now)) return &cell.read;
  if (!ordered(cell.far_read, now)) return &cell.far_read;
  return nullptr;
}

inline __attribute__((always_inline)) void remember_write(Note note, const Moment& now) {
  note.cell.write = now.access;
  note.cell.read = note.cell.far_read = Access{};
  note.shared = 0;
}

inline __attribute__((always_inline)) void remember_read(Note note, const Moment& now) {
  Cell& cell = note.cell;
  if (cell.write.same_as(now.access)) return;
  join(cell.read, cell.far_read, now);
  if (cell.far_read.group == 0) return;
  switch (distance(cell.far_read, now.access)) {
    case 1:
      if (cell.far_read.stamp() == now.access.stamp())
        note.shared = stretch_of_simdgroup(now.access);
      break;
    case 2:
      note.shared = stretch_of_threadgroup(now.access.group, now.base);
      break;
    default:
      note.shared = stretch_of_launch(now.first_group);
  }
}

// The accesses of a word by atomic functions, kept apart because few words have any.
struct AtomicCell {
  Access store, far_store, load, far_load;
};

inline const Access* race_of(const AtomicCell& cell, const Moment& now, bool write) {
  if (!ordered(cell.store, now)) return &cell.store;
  if (!ordered(cell.far_store, now)) return &cell.far_store;
  if (!write) return nullptr;
  if (!ordered(cell.load, now)) return &cell.load;
  if (!ordered(cell.far_load, now)) return &cell.far_load;
  return nullptr;
}

}  // namespace metal_emulator::checker
