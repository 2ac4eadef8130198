// Attention of one new token over its sequence's keys and values: one threadgroup for each sequence
// and head, one simdgroup for an eighth of the keys, online softmax.
#include <metal_stdlib>
using namespace metal;

constant constexpr int head_size = 128;
constant constexpr int simdgroups = 8;
constant constexpr int per_lane = head_size / 32;

kernel void decode_attention(
    device const float* query [[buffer(0)]],   // [num_seqs, num_heads, head_size]
    device const float* keys [[buffer(1)]],    // [num_seqs, num_heads, num_tokens, head_size]
    device const float* values [[buffer(2)]],  // as keys
    device float* out [[buffer(3)]],           // as query
    constant int& num_tokens [[buffer(4)]],
    constant float& scale [[buffer(5)]],
    uint head [[threadgroup_position_in_grid]],
    uint simdgroup [[simdgroup_index_in_threadgroup]],
    uint lane [[thread_index_in_simdgroup]]) {
  threadgroup float partial[simdgroups][head_size];
  threadgroup float maxima[simdgroups];
  threadgroup float sums[simdgroups];

  float q[per_lane], o[per_lane];
  for (int i = 0; i < per_lane; ++i) {
    q[i] = scale * query[head * head_size + lane * per_lane + i];
    o[i] = 0;
  }
  float highest = -INFINITY, sum = 0;
  const size_t base = size_t(head) * num_tokens * head_size + lane * per_lane;
  const int share = (num_tokens + simdgroups - 1) / simdgroups;
  const int end = min(num_tokens, int(simdgroup + 1) * share);
  for (int t = simdgroup * share; t < end; ++t) {
    device const float* k = keys + base + size_t(t) * head_size;
    device const float* v = values + base + size_t(t) * head_size;
    float score = 0;
    for (int i = 0; i < per_lane; ++i) score += q[i] * k[i];
    score = simd_sum(score);
    const bool rises = score > highest;
    const float change = exp(-abs(score - highest));
    const float factor = rises ? change : 1, weight = rises ? 1 : change;
    highest = max(highest, score);
    sum = sum * factor + weight;
    for (int i = 0; i < per_lane; ++i) o[i] = o[i] * factor + weight * v[i];
  }
  for (int i = 0; i < per_lane; ++i) partial[simdgroup][lane * per_lane + i] = o[i];
  if (lane == 0) {
    maxima[simdgroup] = highest;
    sums[simdgroup] = sum;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (simdgroup != 0) return;
  float top = maxima[0];
  for (int s = 1; s < simdgroups; ++s) top = max(top, maxima[s]);
  float total = 0;
  for (int i = 0; i < per_lane; ++i) o[i] = 0;
  for (int s = 0; s < simdgroups; ++s) {
    const float weight = exp(maxima[s] - top);
    total += weight * sums[s];
    for (int i = 0; i < per_lane; ++i) o[i] += weight * partial[s][lane * per_lane + i];
  }
  for (int i = 0; i < per_lane; ++i) out[head * head_size + lane * per_lane + i] = o[i] / total;
}
