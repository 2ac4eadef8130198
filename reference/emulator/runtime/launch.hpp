// One launch of one kernel over a grid.
#pragma once

#include <string>
#include <vector>

#include "contract.hpp"

namespace metal_emulator {

// A compiled kernel: the shared library that the compiler made of one kernel function.
struct Kernel {
  Entry entry = nullptr;
  std::vector<ThreadgroupSlot*> slots;  // variables that it declares `threadgroup`
};

// Loads `path`, once. On failure returns null and sets `error`.
const Kernel* load_kernel(const std::string& path, std::string& error);

struct BufferBinding {
  int index;
  std::string name;
  unsigned char* data;
  std::size_t size, element_size;
  bool writable;
};

struct ThreadgroupBinding {
  int index;
  std::string name;
  std::size_t size, element_size;
};

struct Command {
  std::string library, kernel, checks;
  Size3 grid{}, threadgroup{};
  uint64_t seed = 0;
  uint32_t workers = 1;
  std::vector<BufferBinding> buffers;
  std::vector<ThreadgroupBinding> threadgroup_memory;
  int writer_of = -1;  // not a launch, but a question: who wrote this byte of this buffer?
  std::size_t writer_offset = 0;
};

// Executes the command; returns an error, or an empty text.
std::string launch(const Command& command);

// The alternate stack that lets a signal handler run where a fiber's stack overflowed.
void prepare_for_signals();

}  // namespace metal_emulator
