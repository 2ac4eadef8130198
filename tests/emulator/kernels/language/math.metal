// Math functions with several arguments or results (specification, section 6.5).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void math_fma(device const float* in [[buffer(1)]], device float* out [[buffer(0)]]) {
  out[0] = fma(in[0], in[0], in[1]);
  out[1] = in[0] * in[0] + in[1];
  out[2] = fma(half(in[2]), half(in[2]), half(in[3]));
}

[[kernel]] void math_of_three(device float* out [[buffer(0)]]) {
  out[0] = fmin3(3.0f, -1.0f, 2.0f);
  out[1] = fmax3(3.0f, -1.0f, 2.0f);
  out[2] = fmedian3(-1.0f, 2.0f, 3.0f);
  out[3] = fmax3(NAN, 1.0f, 2.0f);
}

[[kernel]] void math_frexp_ldexp(device const float* in [[buffer(1)]],
                                 device float* out [[buffer(0)]]) {
  int exponent = 0;
  out[0] = frexp(in[0], exponent);
  out[1] = exponent;
  out[2] = ldexp(in[1], 5);
  out[3] = ilogb(in[0]);
  int2 exponents;
  float2 significands = frexp(in[0] * float2(1, 4), exponents);
  out[4] = significands.y;
  out[5] = exponents.y;
}

[[kernel]] void math_modf_sincos(device const float* in [[buffer(1)]],
                                 device float* out [[buffer(0)]]) {
  float whole = 0, cosine = 0;
  out[0] = modf(in[0], whole);
  out[1] = whole;
  out[2] = sincos(in[1], cosine);
  out[3] = cosine;
}

[[kernel]] void math_of_half(device const half* in [[buffer(1)]], device half* out [[buffer(0)]]) {
  out[0] = exp(in[0]);
  out[1] = sqrt(in[1]);
  out[2] = sin(in[0]);
  out[3] = pow(in[1], 3.0h);
  out[4] = nextafter(in[0], 2.0h);
}

[[kernel]] void math_of_vectors(device const float4* in [[buffer(1)]],
                                device float4* out [[buffer(0)]]) {
  out[0] = floor(in[0]);
  out[1] = fmax(in[0], 0.0f);
  out[2] = fma(in[0], 2.0f, in[0].wzyx);
  out[3] = abs(in[0]);
  out[4] = float4(sqrt(in[0].zw), exp2(in[0].zw));
}

[[kernel]] void math_namespaces(device const float* in [[buffer(1)]],
                                device float* out [[buffer(0)]]) {
  out[0] = precise::sqrt(in[0]);
  out[1] = fast::exp2(in[1]);
  out[2] = metal::precise::rsqrt(in[0]);
  out[3] = metal::fast::fmax(in[0], in[1]);
}

[[kernel]] void math_constants(device float* out [[buffer(0)]]) {
  out[0] = M_PI_F;
  out[1] = M_LN2_F;
  out[2] = M_LOG2E_F;
  out[3] = M_SQRT2_F;
  out[4] = M_PI_H;
  out[5] = MAXFLOAT;
  out[6] = HUGE_VALF;
}
