// Integer functions (specification, section 6.3).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void integer_abs_absdiff(device uint* out [[buffer(0)]]) {
  out[0] = abs(-5);
  out[1] = absdiff(-2000000000, 2000000000);
  out[2] = absdiff(3u, 5u);
  uint3 d = absdiff(int3(1, -2, 3), int3(4, 4, -4));
  out[3] = d.x * 100 + d.y * 10 + d.z;
}
[[kernel]] void integer_addsat_subsat(device int* out [[buffer(0)]]) {
  out[0] = addsat(2000000000, 2000000000);
  out[1] = addsat(-2000000000, -2000000000);
  out[2] = addsat(uchar(200), uchar(100));
  out[3] = subsat(3u, 5u);
  out[4] = subsat(short(-30000), short(10000));
  out[5] = addsat(char(100), char(20));
}
[[kernel]] void integer_clz(device int* out [[buffer(0)]]) {
  out[0] = clz(1u);
  out[1] = clz(0u);
  out[2] = clz(uchar(1));
  out[3] = clz(short(-1));
  out[4] = clz(1ul << 40);
}
[[kernel]] void integer_ctz(device int* out [[buffer(0)]]) {
  out[0] = ctz(8u);
  out[1] = ctz(0u);
  out[2] = ctz(ushort(0));
  out[3] = ctz(1ul << 40);
}
[[kernel]] void integer_popcount(device int* out [[buffer(0)]]) {
  out[0] = popcount(0xf0f0u);
  out[1] = popcount(-1);
  out[2] = popcount(char(-1));
  int2 v = popcount(int2(7, 0));
  out[3] = v.x * 10 + v.y;
}
[[kernel]] void integer_reverse_bits(device uint* out [[buffer(0)]]) {
  out[0] = reverse_bits(1u);
  out[1] = reverse_bits(uchar(0x13));
  out[2] = reverse_bits(0x0000ffffu);
}
[[kernel]] void integer_hadd_rhadd(device int* out [[buffer(0)]]) {
  out[0] = hadd(2147483647, 2147483646);
  out[1] = rhadd(2147483647, 2147483646);
  out[2] = hadd(uchar(255), uchar(254));
  out[3] = hadd(-3, 2);
  out[4] = rhadd(-3, 2);
}
[[kernel]] void integer_mulhi_madhi(device uint* out [[buffer(0)]]) {
  out[0] = mulhi(0xffffffffu, 0xffffffffu);
  out[1] = mulhi(-1, 1);
  out[2] = mulhi(uchar(200), uchar(200));
  out[3] = madhi(0x80000000u, 6u, 10u);
  out[4] = mulhi(1ul << 40, 1ul << 40);
}
[[kernel]] void integer_madsat(device int* out [[buffer(0)]]) {
  out[0] = madsat(100000, 100000, 5);
  out[1] = madsat(-100000, 100000, -5);
  out[2] = madsat(3, 4, 5);
  out[3] = madsat(uchar(20), uchar(20), uchar(1));
}
[[kernel]] void integer_mul24_mad24(device int* out [[buffer(0)]]) {
  out[0] = mul24(-3, 5);
  out[1] = mul24(0x7fffff, 2);
  out[2] = mad24(1000, 1000, -1);
  out[3] = mul24(0x1000003u, 2u);
}
[[kernel]] void integer_rotate(device uint* out [[buffer(0)]]) {
  out[0] = rotate(0x80000001u, 4u);
  out[1] = rotate(uchar(0x81), uchar(1));
  out[2] = rotate(1u, 33u);
  out[3] = rotate(0x1234u, 0u);
}
[[kernel]] void integer_extract_bits(device int* out [[buffer(0)]]) {
  out[0] = extract_bits(0xabcdu, 4u, 8u);
  out[1] = extract_bits(0xf0, 4, 4);
  out[2] = extract_bits(0x70, 4, 4);
  out[3] = extract_bits(0xffffffffu, 3u, 0u);
  out[4] = extract_bits(0xffffffffu, 0u, 32u) == 0xffffffffu;
}
[[kernel]] void integer_insert_bits(device uint* out [[buffer(0)]]) {
  out[0] = insert_bits(0xffff0000u, 0xabu, 4u, 8u);
  out[1] = insert_bits(0u, 0xffu, 28u, 4u);
  out[2] = insert_bits(5u, 9u, 0u, 0u);
  out[3] = insert_bits(5u, 9u, 0u, 32u);
}
[[kernel]] void integer_min_max_clamp(device int* out [[buffer(0)]]) {
  out[0] = min(-1, 1);
  out[1] = max(3u, 5u);
  out[2] = min3(3, 1, 2);
  out[3] = max3(3, 1, 2);
  out[4] = median3(3, 1, 2) * 10 + median3(1, 2, 3);
  out[5] = clamp(-7, -5, 5);
  int3 v = clamp(int3(-9, 0, 9), -5, 5);
  out[6] = v.x + 10 * v.y + 100 * v.z;
  out[7] = max(ulong(1) << 40, 7ul) == 1ul << 40;
}
