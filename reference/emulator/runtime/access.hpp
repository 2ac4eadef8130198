// The short way through an access: most change nothing in the shadow, as the same thread, or enough
// others, have been there since the last barrier.
#pragma once

#include "checker.hpp"

namespace metal_emulator::checker {

enum Kind { plain, atomic };

// Of an access that the short way does not settle.
void access_shadow(std::uintptr_t address, std::size_t size, bool write, Kind kind,
                   std::uintptr_t pc);

// Whether a plain access changes nothing. Asked without the lock of the cell: what makes it true
// was written by this thread, or holds until the next barrier.
inline bool settled(const Cell& cell, Worker& w, Space space, bool write) {
  if (cell.flags != 0) return false;
  if (!write && cell.shared == w.clock[space].stretch) return true;
  if (w.known != current_position) w.look_up();
  const Access& me = w.me[space];
  if (write) return cell.write.same_as(me) && cell.read.group == 0;
  return cell.shared == w.stretch[space] || cell.read.same_as(me) || cell.write.same_as(me) ||
         (space == device_space && cell.shared == state.stretch);
}

// The same of all cells of `size` bytes, `at` bytes behind the first cell.
inline bool settled(const Cell* cells, const Cell* byte_cells, std::size_t at, std::size_t size,
                    Worker& w, Space space, bool write) {
  if (size % 4 == 0 && at % 4 == 0) {
    for (std::size_t word = 0; word < size / 4; ++word)
      if (!settled(cells[at / 4 + word], w, space, write)) return false;
    return true;
  }
  if (size >= 4 || (cells[at / 4].flags & cell_split) == 0) return false;
  if (at / 4 != (at + size - 1) / 4) return false;
  for (std::size_t byte = 0; byte < size; ++byte)
    if (!settled(byte_cells[at + byte], w, space, write)) return false;
  return true;
}

// A plain access that is not a read of a buffer that no one writes. `size` is 0 for one that only
// `any_size` knows. Apart from plain_access() so that this needs no stack frame.
template <std::size_t size, bool write>
__attribute__((noinline)) void watched_access(std::uintptr_t address, std::uintptr_t pc,
                                              std::size_t any_size) {
  const std::size_t bytes = size != 0 ? size : any_size;
  const std::size_t offset = address - reinterpret_cast<std::uintptr_t>(state.memory);
  const Window& window = state.windows[offset >> state.slot_bits];
  Worker& w = *worker;
  if (window.cells != nullptr) {
    const std::size_t at = address - window.begin;
    if (at < window.size && bytes <= window.size - at &&
        settled(window.cells, window.byte_cells, at, bytes, w, device_space, write))
      return;
  } else if (window.size == 0) {
    const std::size_t at = address - reinterpret_cast<std::uintptr_t>(w.arena);
    const std::size_t page = at / page_bytes;
    if (page < w.pages.size() && at >= w.pages[page].begin && at + bytes <= w.pages[page].end &&
        (!state.watched || settled(w.cells, w.byte_cells, at, bytes, w, threadgroup_space, write)))
      return;
  }
  access_shadow(address, bytes, write, plain, pc);
}

template <std::size_t size, bool write>
inline void plain_access(const void* pointer, std::uintptr_t pc, std::size_t any_size = 0) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const std::size_t offset = address - reinterpret_cast<std::uintptr_t>(state.memory);
  if (offset >= state.memory_bytes) return;  // a thread's own variables, or the emulator's
  if constexpr (!write && size != 0) {
    const Window& window = state.windows[offset >> state.slot_bits];
    const std::size_t at = address - window.begin, end = at + size;
    if (at < end && end <= window.read_only_size) return;
  }
  watched_access<size, write>(address, pc, any_size);
}

inline void atomic_access(const volatile void* pointer, std::size_t size, bool write,
                          std::uintptr_t pc) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const std::size_t offset = address - reinterpret_cast<std::uintptr_t>(state.memory);
  if (offset < state.memory_bytes) access_shadow(address, size, write, atomic, pc);
}

}  // namespace metal_emulator::checker
