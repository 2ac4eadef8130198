// A padded row length is used on a tile that is not padded.
// launch: grid 64, threadgroup 64
// buffers: values float[64], out float[64]
#include <metal_stdlib>
using namespace metal;

kernel void planted(device const float* values [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[64];
  const uint row = t / 8, column = t % 8;
  tile[row * 9 + column] = values[t];  // finds: out-of-bounds write tile[64]
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[t] = tile[min(column * 9 + row, 63u)];
}

kernel void corrected(device const float* values [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint t [[thread_index_in_threadgroup]]) {
  threadgroup float tile[72];
  const uint row = t / 8, column = t % 8;
  tile[row * 9 + column] = values[t];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[t] = tile[column * 9 + row];
}
