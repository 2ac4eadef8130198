// Types, branches and votes in simdgroups (specification, sections 6.9.2 and 6.9.3).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void reduction_of_vectors(device const float4* in [[buffer(1)]],
                                     device float4* out [[buffer(0)]],
                                     uint i [[thread_position_in_grid]]) {
  float4 sum = simd_sum(in[i]);
  sum.xy = simd_max(in[i].xy);
  out[i] = sum;
}

[[kernel]] void shuffle_of_vectors(device const half3* in [[buffer(1)]],
                                   device half3* out [[buffer(0)]],
                                   uint i [[thread_position_in_grid]]) {
  out[i] = simd_shuffle_xor(in[i], 1);
}

[[kernel]] void reduction_of_half_rounds(device const half* in [[buffer(1)]],
                                         device half* out [[buffer(0)]],
                                         uint i [[thread_position_in_grid]]) {
  out[i] = simd_sum(in[i]);
}

[[kernel]] void bfloat_through_a_simdgroup(device const float* in [[buffer(1)]],
                                           device float* out [[buffer(0)]],
                                           uint i [[thread_position_in_grid]]) {
  bfloat value = bfloat(in[i]);
  out[i] = float(simd_shuffle_down(value, 1)) + float(simd_max(value));
}

[[kernel]] void reduction_in_a_branch(device const int* in [[buffer(1)]],
                                      device int* out [[buffer(0)]],
                                      uint lane [[thread_index_in_simdgroup]]) {
  if (lane % 2 == 0) {
    out[lane] = simd_sum(in[lane]);
  } else {
    out[lane] = simd_max(in[lane]);
  }
}

[[kernel]] void reduction_after_return(device const int* in [[buffer(1)]],
                                       device int* out [[buffer(0)]],
                                       uint lane [[thread_index_in_simdgroup]]) {
  if (lane >= 20) return;
  out[lane] = simd_sum(in[lane]);
}

[[kernel]] void each_simdgroup_alone(device const int* in [[buffer(1)]],
                                     device int* out [[buffer(0)]],
                                     uint i [[thread_position_in_grid]]) {
  out[i] = simd_sum(in[i]);
}

[[kernel]] void votes(device uint* out [[buffer(0)]], uint lane [[thread_index_in_simdgroup]]) {
  simd_vote vote = simd_ballot(lane % 3 == 0);
  uint bits = uint(simd_vote::vote_t(vote));
  bool none = simd_any(lane > 31), all = simd_all(lane < 32), some = simd_any(lane == 31);
  bool not_all = simd_all(lane != 31);
  if (lane == 0) {
    out[0] = bits;
    out[1] = none;
    out[2] = all;
    out[3] = some;
    out[4] = not_all;
    out[5] = vote.all();
    out[6] = vote.any();
  }
}

[[kernel]] void votes_in_a_branch(device uint* out [[buffer(0)]],
                                  uint lane [[thread_index_in_simdgroup]]) {
  out[lane] = 0;
  if (lane >= 4 && lane < 10) {
    bool all = simd_all(lane < 10);
    uint active = uint(simd_vote::vote_t(simd_active_threads_mask()));
    bool first = simd_is_first();
    out[lane] = active | all << 16 | first << 17;
  }
}

[[kernel]] void quad_votes(device uint* out [[buffer(0)]],
                           uint lane [[thread_index_in_simdgroup]]) {
  uint bits = uint(quad_vote::vote_t(quad_ballot(lane % 2 == 1 || lane < 4)));
  bool all = quad_all(lane < 6), any = quad_any(lane == 5), first = quad_is_first();
  out[lane] = bits | all << 4 | any << 5 | first << 6;
}
