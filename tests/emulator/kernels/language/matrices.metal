// Matrices, arrays and constants (specification, sections 2.3, 2.12, 3.2, 4.2 and 6.6).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void matrix_constructors(device float4* out [[buffer(0)]]) {
  float2x2 diagonal(3.0f);
  float2x2 columns(float2(1, 2), float2(3, 4));
  float2x2 elements(1, 2, 3, 4);
  float3x2 wide(float2(1, 2), float2(3, 4), float2(5, 6));
  out[0] = float4(diagonal[0], diagonal[1]);
  out[1] = float4(columns[0], columns[1]);
  out[2] = float4(elements[0], elements[1]);
  out[3] = float4(wide[2], wide[1][0], wide[0][1]);
}

[[kernel]] void matrix_products(device const float* in [[buffer(1)]],
                                device float* out [[buffer(0)]]) {
  float2x3 a(float3(in[0], in[1], in[2]), float3(in[3], in[4], in[5]));
  float3 by_vector = a * float2(in[6], in[7]);
  float2 from_left = float3(1, 2, 3) * a;
  float2x2 gram = transpose(a) * a;
  for (int i = 0; i < 3; ++i) out[i] = by_vector[i];
  for (int i = 0; i < 2; ++i) out[3 + i] = from_left[i];
  for (int i = 0; i < 4; ++i) out[5 + i] = gram[i / 2][i % 2];
  float2x3 twice = a + a - a * 0.5f;
  out[9] = twice[1][2];
}

[[kernel]] void matrix_determinant(device float* out [[buffer(0)]]) {
  out[0] = determinant(float2x2(1, 2, 3, 4));
  out[1] = determinant(float3x3(2, 0, 1, 1, 3, 2, 1, 1, 4));
  out[2] = determinant(float4x4(float4(2, 0, 0, 1), float4(0, 3, 0, 0), float4(0, 0, 4, 0),
                                float4(1, 0, 0, 5)));
}

[[kernel]] void array_copies_as_value(device int* out [[buffer(0)]]) {
  array<int, 4> a = {1, 2, 3, 4};
  array<int, 4> b = a;
  b[2] = 30;
  out[0] = a[2];
  out[1] = b[2];
  out[2] = a.size();
  int sum = 0;
  for (int x : b) sum += x;
  out[3] = sum;
}

constant int lookup[4] = {10, 20, 30, 40};
constant float3 axis = float3(0, 0.5f, 1);
constexpr constant uint mask = 0x0fu;

[[kernel]] void constants_of_the_program(device float* out [[buffer(0)]],
                                         uint i [[thread_position_in_grid]]) {
  out[i] = lookup[i] + axis.y + (0x35u & mask);
}
