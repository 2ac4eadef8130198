// C = A B of square matrices, a 16 x 16 tile of C for each threadgroup; both factors pass through
// threadgroup memory: what a safety mode watches most.
#include <metal_stdlib>
using namespace metal;

constant constexpr uint tile = 16;

kernel void tiled_matmul(
    device const float* a [[buffer(0)]],  // [size, size], as b and c
    device const float* b [[buffer(1)]],
    device float* c [[buffer(2)]],
    constant uint& size [[buffer(3)]],  // a multiple of the tile
    uint2 at [[thread_position_in_grid]],
    uint2 in_tile [[thread_position_in_threadgroup]]) {
  threadgroup float a_tile[tile][tile];
  threadgroup float b_tile[tile][tile];
  float sum = 0;
  for (uint k = 0; k < size; k += tile) {
    a_tile[in_tile.y][in_tile.x] = a[at.y * size + k + in_tile.x];
    b_tile[in_tile.y][in_tile.x] = b[(k + in_tile.y) * size + at.x];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint i = 0; i < tile; ++i) sum += a_tile[in_tile.y][i] * b_tile[i][in_tile.x];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  c[at.y * size + at.x] = sum;
}
