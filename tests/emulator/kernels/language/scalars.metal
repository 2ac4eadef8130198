// Scalar types (Metal Shading Language Specification, sections 2.1, 7.1, 7.2 and 7.6).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void scalar_sizes(device uint* out [[buffer(0)]]) {
  uint sizes[] = {sizeof(bool),  sizeof(char), sizeof(uchar), sizeof(short), sizeof(ushort),
                  sizeof(int),   sizeof(uint), sizeof(long),  sizeof(ulong), sizeof(half),
                  sizeof(bfloat), sizeof(float), sizeof(size_t)};
  for (uint i = 0; i < 13; ++i) out[i] = sizes[i];
}

[[kernel]] void sized_integer_names(device uint* out [[buffer(0)]]) {
  out[0] = is_same_v<int16_t, short> && is_same_v<uint16_t, ushort>;
  out[1] = is_same_v<int32_t, int> && is_same_v<uint32_t, uint>;
  out[2] = sizeof(int8_t) == 1 && sizeof(uint64_t) == 8 && uchar(uint8_t(255)) == 255;
}

[[kernel]] void literals(device float* out [[buffer(0)]]) {
  out[0] = sizeof(1.0);
  out[1] = sizeof(1.0f);
  out[2] = sizeof(1.0h);
  out[3] = sizeof(1.0bf);
  out[4] = 1.5h;
  out[5] = 0.25bf;
  out[6] = 0x1.8p1f;
  out[7] = 1.0h + 0.00048828125h;  // half an ulp of 1: a tie, which goes to even
}

[[kernel]] void half_rounds_each_operation(device const half* in [[buffer(1)]],
                                           device half* out [[buffer(0)]]) {
  out[0] = in[0] * in[0] - in[1];
  out[1] = in[2] + in[3] - in[2];
  out[2] = in[0] * in[0];
}

[[kernel]] void half_overflows_to_infinity(device const half* in [[buffer(1)]],
                                           device half* out [[buffer(0)]]) {
  out[0] = in[0] + in[0];
  out[1] = -in[0] - in[0];
  out[2] = in[0] * half(2.0f);
}

[[kernel]] void float_to_half_ties_to_even(device const float* in [[buffer(1)]],
                                           device half* out [[buffer(0)]],
                                           uint i [[thread_position_in_grid]]) {
  out[i] = half(in[i]);
}

[[kernel]] void float_to_bfloat_ties_to_even(device const float* in [[buffer(1)]],
                                             device ushort* out [[buffer(0)]],
                                             uint i [[thread_position_in_grid]]) {
  out[i] = as_type<ushort>(bfloat(in[i]));
}

[[kernel]] void bfloat_rounds_each_operation(device const float* in [[buffer(1)]],
                                             device float* out [[buffer(0)]]) {
  bfloat sum = bfloat(in[0]);
  sum += bfloat(in[1]);
  sum += bfloat(in[1]);
  out[0] = sum;
  bfloat a = bfloat(in[2]);
  out[1] = float(a * a - bfloat(in[3]));
}

[[kernel]] void bfloat_mixes_with_other_types(device const float* in [[buffer(1)]],
                                              device float* out [[buffer(0)]]) {
  bfloat b = bfloat(in[0]);
  out[0] = sizeof(b * in[0]);
  out[1] = sizeof(b * 2);
  out[2] = b * in[1];
  out[3] = true ? b : 0.0f;
  out[4] = b > 1 && b < 2.0f && b != bfloat(0.5f);
  float sum = 1.0f;
  sum += b;
  out[5] = sum;
  out[6] = int(bfloat(-2.75f));
  out[7] = float(-b);
}

[[kernel]] void integer_promotion_and_wraparound(device const uchar* in [[buffer(1)]],
                                                 device int* out [[buffer(0)]]) {
  out[0] = sizeof(in[0] + in[0]);
  out[1] = in[0] + in[0];
  out[2] = uchar(in[0] + in[0]);
  uint zero = in[1];
  out[3] = (zero - 1u) == 0xffffffffu;
  out[4] = -7 / 2;
  out[5] = -7 % 2;
  out[6] = -7 >> 1;
}

[[kernel]] void float_to_integer_truncates(device const float* in [[buffer(1)]],
                                           device int* out [[buffer(0)]],
                                           uint i [[thread_position_in_grid]]) {
  out[i] = int(in[i]);
}
