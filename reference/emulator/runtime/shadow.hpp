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

// One access. `group` numbers the threadgroups of all launches of the process from 1, so that what
// an earlier launch left behind is told from what this one did; `stamp` counts the barriers that
// the simdgroup had passed; `pc` is the low half of the return address in the kernel.
struct Access {
  uint32_t group, pc;
  uint32_t thread : 10, stamp : 22;
};

// The order in which a thread stands to the others.
struct Moment {
  Access access;
  uint32_t base;         // stamp of the last threadgroup_barrier
  uint32_t first_group;  // of this launch
  Space space;
};

// Whether `earlier` can not race with an access at `now`: nobody, this thread, or behind a barrier.
inline bool ordered(const Access& earlier, const Moment& now) {
  if (earlier.group != now.access.group)
    return now.space == threadgroup_space || earlier.group < now.first_group;
  if (earlier.thread == now.access.thread || earlier.stamp < now.base) return true;
  return earlier.thread / simd_width == now.access.thread / simd_width &&
         earlier.stamp < now.access.stamp;
}

// How far two accesses are from being ordered by a barrier yet to come.
inline uint32_t distance(const Access& a, const Access& b) {
  if (a.group != b.group) return 3;
  if (a.thread / simd_width != b.thread / simd_width) return 2;
  return a.thread != b.thread;
}

// Adds an access to a set whose members do not race with each other. Two members are enough: the
// last one and, of those that are not ordered before it, one as far from it as there is. Whoever
// races with any member races with one of these two.
inline void join(Access& last, Access& far, const Moment& now) {
  const bool keep_last = !ordered(last, now), keep_far = !ordered(far, now);
  if (keep_last && (!keep_far || distance(last, now.access) >= distance(far, now.access)))
    far = last;
  else if (!keep_far)
    far = Access{};
  last = now.access;
}

inline bool same(const Access& a, const Access& b) {
  return a.group == b.group && a.thread == b.thread && a.stamp == b.stamp;
}

enum CellFlags : uint8_t { cell_split = 1, cell_atomic = 2 };

// Of one word, or of one byte of a word that was accessed in parts (cell_split). All zero: nobody
// has been here.
struct Cell {
  Access write, read, far_read;
  uint8_t flags, lock;
};

// An access that races with the one at `now`, or null.
inline const Access* race_of(const Cell& cell, const Moment& now, bool write) {
  if (!ordered(cell.write, now)) return &cell.write;
  if (!write) return nullptr;
  if (!ordered(cell.read, now)) return &cell.read;
  if (!ordered(cell.far_read, now)) return &cell.far_read;
  return nullptr;
}

inline void remember(Cell& cell, const Moment& now, bool write) {
  if (!write) return join(cell.read, cell.far_read, now);
  cell.write = now.access;
  cell.read = cell.far_read = Access{};
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
