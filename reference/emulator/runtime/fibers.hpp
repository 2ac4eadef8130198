// Fibers: stacks between which a thread of the operating system switches by itself.
#pragma once

#include <cstddef>

namespace metal_emulator {

// Saves the registers that a call must preserve on the running stack, stores its pointer in
// `*save`, and goes on where `load` was saved.
extern "C" void metal_emulator_switch(void** save, void* load);

// Memory for a stack, with a page below it that faults.
struct Stack {
  unsigned char* low = nullptr;
  unsigned char* high = nullptr;
};

Stack make_stack(std::size_t bytes);

// Lays out a stack such that the first switch to it enters `entry`, which must not return. The
// first `color` bytes are left free: stacks that start at different cache lines do not evict each
// other.
void* prepare(const Stack& stack, std::size_t color, void (*entry)());

// Reserves zeroed memory that costs nothing until it is touched.
unsigned char* reserve(std::size_t bytes);

}  // namespace metal_emulator
