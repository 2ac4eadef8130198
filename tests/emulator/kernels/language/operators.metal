// Operators of vectors (specification, section 3.1).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void vector_integer_operators(device const int4* in [[buffer(1)]],
                                         device int4* out [[buffer(0)]]) {
  const int4 a = in[0], b = in[1];
  out[0] = a + b;
  out[1] = a - b;
  out[2] = a * b;
  out[3] = a / b;
  out[4] = a % b;
  out[5] = a & b;
  out[6] = a | b;
  out[7] = a ^ b;
  out[8] = ~a;
  out[9] = -a;
  out[10] = a << b;
  out[11] = a >> 1;
}

[[kernel]] void shift_takes_the_low_bits(device const uint4* in [[buffer(1)]],
                                         device uint4* out [[buffer(0)]]) {
  out[0] = in[0] << in[1];
  out[1] = in[0] >> in[1];
}

[[kernel]] void vector_comparison(device const float4* in [[buffer(1)]],
                                  device int4* out [[buffer(0)]]) {
  const float4 a = in[0], b = in[1];
  out[0] = int4(a < b);
  out[1] = int4(a >= b);
  out[2] = int4(a == b);
  out[3] = int4(a != 2);
  out[4] = int4(a < b || a == 2.0f);
  out[5] = int4(!(a < b));
  out[6] = int4(a > 0 && b > 2);
}

[[kernel]] void scalar_spreads_over_vector(device const half4* in [[buffer(1)]],
                                           device half4* out [[buffer(0)]]) {
  out[0] = 2 * in[0];
  out[1] = in[0] - 1;
  out[2] = 1.0h / in[0];
  half4 v = in[0];
  v /= 2;
  out[3] = v;
}

[[kernel]] void vector_increments(device const int4* in [[buffer(1)]],
                                  device int4* out [[buffer(0)]]) {
  int4 v = in[0];
  out[0] = v++;
  out[1] = v;
  out[2] = --v;
  v += int4(1, 2, 3, 4);
  v <<= 1;
  out[3] = v;
  v ^= 1;
  v %= 7;
  out[4] = v;
}

[[kernel]] void small_integer_vectors_wrap(device const uchar4* in [[buffer(1)]],
                                           device uchar4* out [[buffer(0)]]) {
  out[0] = in[0] + in[0];
  out[1] = in[0] * uchar(3);
}
