// The order of things in a launch with a seed.
#pragma once

#include <cstdint>

namespace metal_emulator {

// One step of SplitMix64 (Steele, Lea and Flood, 2014): neighbours become unlike.
inline uint64_t scramble(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace metal_emulator
