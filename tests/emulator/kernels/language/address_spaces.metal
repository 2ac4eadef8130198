// Address spaces (specification, chapter 4).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

int twice(device const int* p) { return *p * 2; }
int twice(threadgroup const int* p) { return *p * 2; }
int twice(thread const int* p) { return *p * 2; }
int twice(constant const int* p) { return *p * 2; }
void bump(thread int& value) { value += 1; }

struct Settings {
  int offset;
  float2 scale;
};

[[kernel]] void overloads_by_address_space(device const int* in [[buffer(1)]],
                                           constant int& shift [[buffer(2)]],
                                           device int* out [[buffer(0)]]) {
  threadgroup int shared[1];
  shared[0] = in[0] + 1;
  int own = in[0] + 2;
  bump(own);
  out[0] = twice(in);
  out[1] = twice(shared);
  out[2] = twice(&own);
  out[3] = twice(&shift);
}

[[kernel]] void constant_reference_and_structure(constant Settings& settings [[buffer(1)]],
                                                 constant const float* weights [[buffer(2)]],
                                                 device float* out [[buffer(0)]],
                                                 uint i [[thread_position_in_grid]]) {
  out[i] = settings.offset + settings.scale.x * weights[i] + settings.scale.y;
}

[[kernel]] void threadgroup_argument(device const int* in [[buffer(1)]],
                                     device int* out [[buffer(0)]],
                                     threadgroup int* first [[threadgroup(0)]],
                                     threadgroup float4* second [[threadgroup(1)]],
                                     uint i [[thread_index_in_threadgroup]]) {
  first[i] = in[i];
  second[i] = float4(in[i], 0, 0, 1);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  uint other = i ^ 1;
  out[i] = first[other] * 10 + int(second[other].x + second[other].w);
}

[[kernel]] void threadgroup_variables_are_apart(device int* out [[buffer(0)]],
                                                uint group [[threadgroup_position_in_grid]],
                                                uint i [[thread_index_in_threadgroup]],
                                                uint n [[threads_per_threadgroup]]) {
  threadgroup int total;
  threadgroup int table[2][16];
  if (i == 0) total = 100 * group;
  table[i % 2][i / 2] = i;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[group * n + i] = total + table[i % 2][i / 2];
}

[[kernel]] void thread_arrays(device const int* in [[buffer(1)]], device int* out [[buffer(0)]],
                              uint i [[thread_position_in_grid]]) {
  int window[4] = {0};
  for (uint k = 0; k < 4; ++k) window[k] = in[i + k];
  thread int* p = window;
  int sum = 0;
  for (uint k = 0; k < 4; ++k) sum = sum * 10 + *p++;
  out[i] = sum;
}
