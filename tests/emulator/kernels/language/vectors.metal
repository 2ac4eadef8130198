// Vectors and their components (specification, sections 2.2.1 and 2.2.2).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void vector_constructors(device float4* out [[buffer(0)]]) {
  float2 a = float2(1, 2);
  float3 b(3.0f, a);
  float4 from_array = {1, 2, 3, 4};
  out[0] = float4(5);
  out[1] = float4(a, 3, 4);
  out[2] = float4(a, a);
  out[3] = float4(0, b);
  out[4] = float4(b, 9);
  out[5] = float4(1, a, 7);
  out[6] = float4(b.zy, b.xx);
  out[7] = from_array;
  out[8] = float4(int4(1.9f, -1.9f, 2, 3));
  out[9] = 6.0f;
}

[[kernel]] void swizzle_read(device const float4* in [[buffer(1)]],
                             device float4* out [[buffer(0)]]) {
  const float4 v = in[0];
  out[0] = v.wzyx;
  out[1] = v.xxyy;
  out[2] = v.bgra;
  out[3] = float4(v.xyz, v.w);
  out[4] = float4(v.zx + v.yw, v.r, v.a);
  out[5] = in[0].yyyy;
  float3 w = v.yzw;
  out[6] = w.zyxx;
}

[[kernel]] void swizzle_write(device const float4* in [[buffer(1)]],
                              device float4* out [[buffer(0)]]) {
  float4 v = in[0];
  v.xz = float2(10, 30);
  out[0] = v;
  v = in[0];
  v.xy = v.yx;
  out[1] = v;
  v.wzyx = in[0];
  out[2] = v;
  v = in[0];
  v.yw *= 2.0f;
  out[3] = v;
  float4 other = float4(7);
  other.xy = in[0].xy;  // the same swizzle on both sides leaves z and w alone
  out[4] = other;
  other.rgb = 0;
  out[5] = other;
  out[6] = 1;
  out[6].zw = in[0].zw;
  v.x++;
  v.w = -v.w;
  out[7] = v;
}

[[kernel]] void component_by_index(device const int4* in [[buffer(1)]],
                                   device int4* out [[buffer(0)]],
                                   uint i [[thread_position_in_grid]]) {
  int4 v = in[0];
  v[i] = -v[3 - i];
  out[i] = v;
}
