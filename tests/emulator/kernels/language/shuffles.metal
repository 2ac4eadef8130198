// Shuffles of simdgroups and quadgroups (specification, sections 6.9.2 and 6.9.3).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

#define SHUFFLE(name, argument)                                               \
  [[kernel]] void group_##name(device const int* in [[buffer(1)]],            \
                               device int* out [[buffer(0)]],                 \
                               ushort lane [[thread_index_in_simdgroup]],     \
                               uint i [[thread_position_in_grid]]) {          \
    out[i] = name(in[i], argument);                                           \
  }
SHUFFLE(simd_broadcast, 7) SHUFFLE(simd_shuffle, (lane * 5) % 32) SHUFFLE(simd_shuffle_up, 3)
SHUFFLE(simd_shuffle_down, 5) SHUFFLE(simd_shuffle_xor, 9) SHUFFLE(simd_shuffle_rotate_up, 4)
SHUFFLE(simd_shuffle_rotate_down, 6)
SHUFFLE(quad_broadcast, 2) SHUFFLE(quad_shuffle, 3 - lane % 4) SHUFFLE(quad_shuffle_up, 1)
SHUFFLE(quad_shuffle_down, 1) SHUFFLE(quad_shuffle_xor, 1) SHUFFLE(quad_shuffle_rotate_down, 3)
SHUFFLE(quad_shuffle_rotate_up, 1)

[[kernel]] void fill_up(device const int* in [[buffer(1)]], device int* out [[buffer(0)]],
                        uint i [[thread_position_in_grid]]) {
  out[i] = simd_shuffle_and_fill_up(in[i], in[i] + 1000, 3);
}
[[kernel]] void fill_down(device const int* in [[buffer(1)]], device int* out [[buffer(0)]],
                          uint i [[thread_position_in_grid]]) {
  out[i] = simd_shuffle_and_fill_down(in[i], in[i] + 1000, 3);
}
[[kernel]] void fill_up_modulo(device const int* in [[buffer(1)]], device int* out [[buffer(0)]],
                               uint i [[thread_position_in_grid]]) {
  out[i] = simd_shuffle_and_fill_up(in[i], in[i] + 1000, 2, 8);
}
[[kernel]] void fill_down_modulo(device const int* in [[buffer(1)]], device int* out [[buffer(0)]],
                                 uint i [[thread_position_in_grid]]) {
  out[i] = simd_shuffle_and_fill_down(in[i], in[i] + 1000, 2, 8);
}
