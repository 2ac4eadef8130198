// The short ways through an access: most change nothing in the shadow, as the same thread, or enough
// others, have been there since the last barrier.
#pragma once

#include "checker.hpp"

namespace metal_emulator::checker {

enum Kind { plain, atomic };

// Of an access that the short ways do not settle.
void access_shadow(std::uintptr_t address, std::size_t size, bool write, Kind kind,
                   std::uintptr_t pc);

inline bool is_running(Stretch shared, const Window& window) {
  return shared == window.stretch || shared == window.simdgroup_stretch;
}

// Whether every word that `size` bytes touch, `at` bytes behind the window, is shared in a running
// stretch: then one more read changes nothing. What was noted in this stretch lies in an
// allocation, so that bounds need no look. Asked without the lock of the cell: it holds until the
// next barrier.
template <std::size_t size>
inline bool shared_in(const Window& window, std::size_t at) {
  if constexpr (size < 4) {
    if ((at & 3) + size > 4) return false;
    return at / 4 < window.words && is_running(window.shared[at / 4], window);
  } else {
    const std::size_t word = at / 4 | at << 62;  // beyond all where it is not aligned
    if (word >= window.words) return false;
    for (std::size_t i = 0; i < size / 4; ++i)
      if (!is_running(window.shared[word + i], window)) return false;
    return true;
  }
}

// Whether a plain access of the running thread to a whole word changes nothing; of a read,
// shared_in() was asked before.
template <Space space, bool write>
inline bool settled(const Shadow& shadow, std::size_t word, const Worker& w) {
  const Cell& cell = shadow.cells[word];
  const Access& me = w.me[space];
  if constexpr (write) return cell.write.same_as(me) && cell.read.group == 0 && cell.flags == 0;
  if constexpr (space == device_space) {
    const Stretch shared = shadow.shared[word];
    if (shared == w.stretch[space] || shared == w.clock[space].stretch) return true;
  }
  return (cell.read.same_as(me) || cell.write.same_as(me)) && cell.flags == 0;
}

// Whether an access that is remembered lies before the last threadgroup_barrier, or is nobody's.
inline bool is_past(const Access& access, const Access& me, uint32_t barrier) {
  return access.group != me.group || access.when < barrier;
}

// Notes a plain access of the running thread to a whole word of threadgroup memory, if it is the
// first one since the last threadgroup_barrier. That the word lies in an allocation is known from
// who wrote it.
template <bool write>
inline bool is_first(const Shadow& shadow, std::size_t word, const Worker& w, std::uintptr_t pc) {
  Cell& cell = shadow.cells[word];
  const Access& me = w.me[threadgroup_space];
  const uint32_t barrier = w.clock[threadgroup_space].base << thread_bits;
  if (cell.flags != 0 || cell.write.group != me.group || cell.write.when >= barrier) return false;
  if (!is_past(cell.read, me, barrier)) return false;  // the last read: others are past, too
  Access& noted = write ? cell.write : cell.read;
  noted = {me.group, me.when, static_cast<uint32_t>(pc)};
  if (write) cell.read.group = 0;
  cell.far_read.group = 0;
  shadow.shared[word] = 0;
  return true;
}

// A plain access to whole words that have a shadow, which shared_in() does not settle.
template <Space space, std::size_t size, bool write>
__attribute__((noinline)) void watched_access(std::uintptr_t address, std::uintptr_t pc,
                                              const Shadow& shadow, std::size_t word) {
  const Worker& w = *worker;
  for (std::size_t i = word; i < word + size / 4; ++i) {
    if (settled<space, write>(shadow, i, w)) continue;
    if constexpr (space == threadgroup_space)
      if (is_first<write>(shadow, i, w, pc)) continue;
    return access_shadow(address, size, write, plain, pc);
  }
}

template <std::size_t size, bool write>
inline void plain_access(const void* pointer, std::uintptr_t pc) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const std::size_t offset = address - reinterpret_cast<std::uintptr_t>(state.memory);
  if (offset >= state.memory_bytes) return;  // a thread's own variables, or the emulator's
  const std::size_t slot = offset >> state.slot_bits;
  const Window& window = state.windows[slot];
  const std::size_t at = address - window.begin, end = at + size;
  if constexpr (!write) {
    if (at < end && end <= window.read_only_size) return;
    if (shared_in<size>(window, at)) return;
  }
  const std::size_t word = at / 4 | at << 62;
  if (size < 4 || word >= window.words) return access_shadow(address, size, write, plain, pc);
  if (slot < max_buffers)
    watched_access<device_space, size, write>(address, pc, *window.shadow, word);
  else
    watched_access<threadgroup_space, size, write>(address, pc, *window.shadow, word);
}

inline void any_access(const volatile void* pointer, std::size_t size, bool write, Kind kind,
                       std::uintptr_t pc) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const std::size_t offset = address - reinterpret_cast<std::uintptr_t>(state.memory);
  if (offset < state.memory_bytes) access_shadow(address, size, write, kind, pc);
}

}  // namespace metal_emulator::checker
