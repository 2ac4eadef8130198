// Common and relational functions (specification, sections 6.2 and 6.4).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

// ---- 6.2 common ----------------------------------------------------------------------------------

[[kernel]] void common_clamp(device const float* in [[buffer(1)]], device float* out [[buffer(0)]],
                             uint i [[thread_position_in_grid]]) {
  out[i] = clamp(in[i], -1.0f, 2.0f);
}
[[kernel]] void common_mix(device float4* out [[buffer(0)]]) {
  out[0] = mix(float4(0, 1, 2, 3), float4(10), 0.25f);
  out[1] = mix(4.0f, 8.0f, 0.5f);
}
[[kernel]] void common_saturate(device const float* in [[buffer(1)]],
                                device float* out [[buffer(0)]],
                                uint i [[thread_position_in_grid]]) {
  out[i] = saturate(in[i]);
}
[[kernel]] void common_sign(device const float* in [[buffer(1)]], device float* out [[buffer(0)]],
                            uint i [[thread_position_in_grid]]) {
  out[i] = sign(in[i]);
}
[[kernel]] void common_smoothstep(device const float* in [[buffer(1)]],
                                  device float* out [[buffer(0)]],
                                  uint i [[thread_position_in_grid]]) {
  out[i] = smoothstep(1.0f, 3.0f, in[i]);
}
[[kernel]] void common_step(device const float* in [[buffer(1)]], device float* out [[buffer(0)]],
                            uint i [[thread_position_in_grid]]) {
  out[i] = step(0.5f, in[i]);
}

[[kernel]] void relational_classes(device const float* in [[buffer(1)]],
                                   device uint* out [[buffer(0)]],
                                   uint i [[thread_position_in_grid]]) {
  out[i] = isnan(in[i]) | isinf(in[i]) << 1 | isfinite(in[i]) << 2 | isnormal(in[i]) << 3 |
           signbit(in[i]) << 4;
}
[[kernel]] void relational_order(device uint* out [[buffer(0)]]) {
  out[0] = isordered(1.0f, 2.0f);
  out[1] = isordered(1.0f, NAN);
  out[2] = isunordered(NAN, NAN);
  out[3] = any(isunordered(float2(1, NAN), float2(2, 3)));
}
[[kernel]] void relational_select(device float4* out [[buffer(0)]]) {
  out[0] = select(float4(1, 2, 3, 4), float4(5, 6, 7, 8), bool4(true, false, true, false));
  out[1] = select(1.0f, 2.0f, true);
  out[2] = select(float4(1), float4(2), float4(0, 3, 0, 3) > 1);
}
[[kernel]] void relational_all_any(device uint* out [[buffer(0)]]) {
  out[0] = all(bool3(true, true, true));
  out[1] = all(bool3(true, false, true));
  out[2] = any(bool2(false, true));
  out[3] = any(int4(1, 2, 3, 4) > 4);
  out[4] = all(not(bool2(false, false)));
}
