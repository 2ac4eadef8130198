// Packed vectors, sizes and alignments (specification, sections 2.2.3 and 2.5).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void vector_sizes_and_alignments(device uint* out [[buffer(0)]]) {
  uint values[] = {sizeof(float2),  sizeof(float3),   sizeof(float4),  alignof(float3),
                   sizeof(char2),   sizeof(char3),    sizeof(bool4),   sizeof(ushort3),
                   sizeof(half3),   alignof(half3),   sizeof(bfloat4), sizeof(ulong2),
                   sizeof(ulong3),  alignof(ulong4),  sizeof(int3)};
  for (uint i = 0; i < 15; ++i) out[i] = values[i];
}

[[kernel]] void packed_sizes_and_alignments(device uint* out [[buffer(0)]]) {
  uint values[] = {sizeof(packed_float2), sizeof(packed_float3), alignof(packed_float3),
                   sizeof(packed_half3),  alignof(packed_half3), sizeof(packed_char3),
                   alignof(packed_char4), sizeof(packed_uint4),  alignof(packed_uint4),
                   sizeof(packed_ushort3)};
  for (uint i = 0; i < 10; ++i) out[i] = values[i];
}

[[kernel]] void packed_in_buffers(device const packed_float3* in [[buffer(1)]],
                                  device packed_float3* out [[buffer(0)]],
                                  uint i [[thread_position_in_grid]]) {
  float3 v = in[i];
  out[i] = v.zyx * 2;
}

[[kernel]] void packed_components(device const packed_short4* in [[buffer(1)]],
                                  device short* out [[buffer(0)]]) {
  packed_short4 p = in[0];
  p[0] += 1;
  p.y = 20;
  p.zw = short2(p.w, p.z);
  for (uint i = 0; i < 4; ++i) out[i] = p[i];
  short4 sum = p + in[0];
  out[4] = sum.w;
}

struct Mixed {
  uchar tag;
  float3 position;
  half weight;
  packed_float3 tail;
};

[[kernel]] void structure_layout(device const Mixed* in [[buffer(1)]],
                                 device float* out [[buffer(0)]]) {
  out[0] = sizeof(Mixed);
  out[1] = in[1].tag;
  out[2] = in[1].position.y;
  out[3] = in[1].weight;
  out[4] = in[1].tail.z;
}
