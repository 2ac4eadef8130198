// Geometric functions, packing and unpacking (specification, sections 6.8 and 6.14).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

// ---- 6.8 geometric -------------------------------------------------------------------------------

[[kernel]] void geometric_dot_length(device float* out [[buffer(0)]]) {
  out[0] = dot(float4(1, 2, 3, 4), float4(5, 6, 7, 8));
  out[1] = length(float2(3, 4));
  out[2] = length_squared(float3(1, 2, 2));
  out[3] = distance(float2(1, 1), float2(4, 5));
  out[4] = distance_squared(float2(1, 1), float2(4, 5));
  out[5] = dot(half2(1, 2), half2(3, 4));
}
[[kernel]] void geometric_cross(device float* out [[buffer(0)]]) {
  float3 c = cross(float3(1, 2, 3), float3(4, 5, 7));
  for (int i = 0; i < 3; ++i) out[i] = c[i];
}
[[kernel]] void geometric_normalize(device float* out [[buffer(0)]]) {
  float3 n = normalize(float3(0, 3, 4));
  for (int i = 0; i < 3; ++i) out[i] = n[i];
}
[[kernel]] void geometric_reflect_refract(device float2* out [[buffer(0)]]) {
  out[0] = reflect(float2(1, -1), float2(0, 1));
  out[1] = refract(float2(0, -1), float2(0, 1), 0.5f);
  out[2] = refract(normalize(float2(1, -1)), float2(0, 1), 2.0f);
  out[3] = faceforward(float2(0, 1), float2(0, 1), float2(0, 1));
}

// ---- 6.14 pack and unpack ------------------------------------------------------------------------

[[kernel]] void pack_unorm(device uint* out [[buffer(0)]]) {
  out[0] = pack_float_to_unorm4x8(float4(0, 1, 0.5f, 2));
  out[1] = pack_float_to_unorm2x16(float2(1, 0));
  out[2] = pack_float_to_snorm4x8(float4(-1, 1, 0, -2));
}
[[kernel]] void unpack_unorm(device float4* out [[buffer(0)]]) {
  out[0] = unpack_unorm4x8_to_float(0xff003300u);
  out[1] = unpack_snorm4x8_to_float(0x7f00817fu);
  out[2].xy = unpack_unorm2x16_to_float(0xffff0000u);
  out[2].zw = unpack_snorm2x16_to_float(0x80007fffu);
}
