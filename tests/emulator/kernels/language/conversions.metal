// Conversions and templates of vectors (specification, sections 2.2, 2.20 and 2.21).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void vector_conversion_is_explicit(device const float4* in [[buffer(1)]],
                                              device int4* out [[buffer(0)]]) {
  static_assert(!is_convertible_v<float4, int4>, "a float4 is no int4 without being asked");
  static_assert(!is_convertible_v<half4, float4>, "nor a half4 a float4");
  out[0] = int4(in[0]);
  out[1] = int4(uchar4(in[1]));
}

[[kernel]] void as_type_of_scalars(device const float* in [[buffer(1)]],
                                   device uint* out [[buffer(0)]]) {
  out[0] = as_type<uint>(in[0]);
  out[1] = as_type<ushort>(half(in[0]));
  out[2] = as_type<ushort>(bfloat(in[0]));
  out[3] = as_type<float>(0x40490fdbu) == 3.14159274f;
}

[[kernel]] void as_type_of_vectors(device const uint4* in [[buffer(1)]],
                                   device uint4* out [[buffer(0)]]) {
  const uint4 v = in[0];
  out[0] = as_type<uint4>(as_type<float4>(v));
  out[1] = uint4(as_type<uchar4>(v.x));
  out[2] = uint4(as_type<ushort2>(v.x).yx, as_type<ushort2>(v.y));
  ulong wide = as_type<ulong>(v.xy);
  out[3] = uint4(uint(wide), uint(wide >> 32), as_type<uint2>(wide).yx);
}

[[kernel]] void vector_template_names(device uint* out [[buffer(0)]]) {
  out[0] = is_same_v<vec<half, 3>, half3>;
  out[1] = is_same_v<vec<ulong, 2>, ulong2>;
  out[2] = !is_same_v<packed_float3, float3>;
  vec<uchar, 4> v(1, 2, 3, 4);
  out[3] = v.w;
}

template <typename T, int N>
T sum_of(vec<T, N> v) {
  T sum = 0;
  for (int i = 0; i < N; ++i) sum += v[i];
  return sum;
}

[[kernel]] void vector_as_template_argument(device const float4* in [[buffer(1)]],
                                            device float* out [[buffer(0)]]) {
  out[0] = sum_of(in[0]);
  out[1] = sum_of(float2(in[0].xw));
  out[2] = sum_of(int3(1, 2, 3));
}
