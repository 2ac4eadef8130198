// Paged attention as another project might write it: keys in pieces of 16 bytes, values with their
// tokens innermost, contexts in partitions that a second kernel joins. One query a sequence.

#include <metal_stdlib>
using namespace metal;

constant bool use_alibi [[function_constant(0)]];
constant bool use_cap [[function_constant(1)]];

constant constexpr int kPartition = 64;
constant constexpr int kThreads = 64;
constant constexpr int kSimdgroups = kThreads / 32;

template <typename T>
[[kernel]] void store_tokens(const device T* key [[buffer(0)]],
                             const device T* value [[buffer(1)]],
                             device T* key_cache [[buffer(2)]],
                             device T* value_cache [[buffer(3)]],
                             const device int64_t* slots [[buffer(4)]],
                             constant int& key_stride [[buffer(5)]],
                             constant int& value_stride [[buffer(6)]],
                             constant int& num_heads [[buffer(7)]],
                             constant int& head_size [[buffer(8)]],
                             constant int& block_size [[buffer(9)]],
                             constant int& x [[buffer(10)]],
                             uint token [[threadgroup_position_in_grid]],
                             uint lane [[thread_position_in_threadgroup]],
                             uint lanes [[threads_per_threadgroup]]) {
  const int64_t slot = slots[token];
  if (slot < 0) {
    return;
  }
  const int64_t block = slot / block_size;
  const int offset = slot % block_size;
  for (int i = lane; i < num_heads * head_size; i += lanes) {
    const int head = i / head_size, d = i % head_size;
    const int64_t base = (block * num_heads + head) * head_size * block_size;
    key_cache[base + ((d / x) * block_size + offset) * x + d % x] = key[token * key_stride + i];
    value_cache[base + d * block_size + offset] = value[token * value_stride + i];
  }
}

template <typename T>
[[kernel]] void duplicate_blocks(device T* key_cache [[buffer(0)]],
                                 device T* value_cache [[buffer(1)]],
                                 const device int* pairs [[buffer(2)]],
                                 constant int& block_numbers [[buffer(4)]],
                                 uint pair [[threadgroup_position_in_grid]],
                                 uint lane [[thread_position_in_threadgroup]],
                                 uint lanes [[threads_per_threadgroup]]) {
  const int64_t from = int64_t(pairs[2 * pair]) * block_numbers;
  const int64_t to = int64_t(pairs[2 * pair + 1]) * block_numbers;
  for (int i = lane; i < block_numbers; i += lanes) {
    key_cache[to + i] = key_cache[from + i];
    value_cache[to + i] = value_cache[from + i];
  }
}

// One threadgroup for a head of a sequence and a partition of its context.
template <typename T, int HEAD_SIZE, int BLOCK_SIZE>
[[kernel]] void attend_partition(device float* tmp_out [[buffer(0)]],
                                 device float* max_logits [[buffer(1)]],
                                 device float* exp_sums [[buffer(2)]],
                                 const device T* query [[buffer(3)]],
                                 const device T* key_cache [[buffer(4)]],
                                 const device T* value_cache [[buffer(5)]],
                                 constant int& num_kv_heads [[buffer(6)]],
                                 constant float& scale [[buffer(7)]],
                                 const device uint* block_tables [[buffer(8)]],
                                 const device uint* context_lens [[buffer(9)]],
                                 constant int& max_blocks [[buffer(10)]],
                                 const device float* slopes
                                 [[buffer(11), function_constant(use_alibi)]],
                                 constant int& q_stride [[buffer(12)]],
                                 constant int& window [[buffer(13)]],
                                 constant float& cap [[buffer(14), function_constant(use_cap)]],
                                 threadgroup float* shared [[threadgroup(0)]],
                                 uint3 group [[threadgroup_position_in_grid]],
                                 uint3 groups [[threadgroups_per_grid]],
                                 uint lane [[thread_index_in_threadgroup]],
                                 uint simdgroup [[simdgroup_index_in_threadgroup]],
                                 uint simd_lane [[thread_index_in_simdgroup]]) {
  constexpr int X = 16 / sizeof(T);
  const int head = group.x, seq = group.y, partition = group.z;
  const int length = context_lens[seq];
  const int first = max(partition * kPartition, window > 0 ? length - window : 0);
  const int last = min(length, (partition + 1) * kPartition);
  const int kv_head = head / (int(groups.x) / num_kv_heads);
  const int64_t at = (int64_t(seq) * groups.x + head) * groups.z + partition;

  threadgroup float* probs = shared;
  threadgroup float* partial = shared + kPartition;

  float top = -INFINITY;
  for (int token = first + lane; token < last; token += kThreads) {
    const int64_t block = block_tables[seq * max_blocks + token / BLOCK_SIZE];
    const device T* k =
        key_cache + (block * num_kv_heads + kv_head) * HEAD_SIZE * BLOCK_SIZE;
    const int offset = token % BLOCK_SIZE;
    float dot = 0;
    for (int d = 0; d < HEAD_SIZE; d++) {
      const float q = query[seq * q_stride + head * HEAD_SIZE + d];
      dot += q * float(k[((d / X) * BLOCK_SIZE + offset) * X + d % X]);
    }
    float logit = scale * dot;
    if (use_cap) {
      logit = cap * precise::tanh(logit / cap);
    }
    if (use_alibi) {
      logit -= slopes[head] * float(length - 1 - token);
    }
    probs[token - partition * kPartition] = logit;
    top = max(top, logit);
  }
  top = simd_max(top);
  if (simd_lane == 0) {
    partial[simdgroup] = top;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  top = partial[0];
  for (int i = 1; i < kSimdgroups; i++) {
    top = max(top, partial[i]);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);

  float sum = 0;
  for (int token = first + lane; token < last; token += kThreads) {
    const int i = token - partition * kPartition;
    probs[i] = exp(probs[i] - top);
    sum += probs[i];
  }
  sum = simd_sum(sum);
  if (simd_lane == 0) {
    partial[simdgroup] = sum;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sum = 0;
  for (int i = 0; i < kSimdgroups; i++) {
    sum += partial[i];
  }

  for (int d = lane; d < HEAD_SIZE; d += kThreads) {
    float total = 0;
    for (int token = first; token < last; token++) {
      const int64_t block = block_tables[seq * max_blocks + token / BLOCK_SIZE];
      const device T* v =
          value_cache + (block * num_kv_heads + kv_head) * HEAD_SIZE * BLOCK_SIZE;
      total += probs[token - partition * kPartition] * float(v[d * BLOCK_SIZE + token % BLOCK_SIZE]);
    }
    tmp_out[at * HEAD_SIZE + d] = total;
  }
  if (lane == 0) {
    max_logits[at] = top;
    exp_sums[at] = sum;
  }
}

// One threadgroup for a head of a sequence: partitions on the scale of the largest logit of all.
template <typename T, int HEAD_SIZE>
[[kernel]] void join_partitions(device T* out [[buffer(0)]],
                                const device float* tmp_out [[buffer(1)]],
                                const device float* max_logits [[buffer(2)]],
                                const device float* exp_sums [[buffer(3)]],
                                constant int& num_partitions [[buffer(4)]],
                                uint2 group [[threadgroup_position_in_grid]],
                                uint2 groups [[threadgroups_per_grid]],
                                uint2 position [[thread_position_in_threadgroup]]) {
  const int64_t row = int64_t(group.y) * groups.x + group.x;
  const int64_t at = row * num_partitions;
  float top = -INFINITY;
  for (int p = 0; p < num_partitions; p++) {
    top = max(top, max_logits[at + p]);
  }
  float sum = 0;
  for (int p = 0; p < num_partitions; p++) {
    sum += exp(max_logits[at + p] - top) * exp_sums[at + p];
  }
  for (int d = position.x; d < HEAD_SIZE; d += kThreads) {
    float total = 0;
    for (int p = 0; p < num_partitions; p++) {
      total += exp(max_logits[at + p] - top) * tmp_out[(at + p) * HEAD_SIZE + d];
    }
    out[row * HEAD_SIZE + d] = T(total / sum);
  }
}

#define STORE(T) \
  template [[host_name("store_tokens_" #T)]] [[kernel]] decltype(store_tokens<T>) store_tokens<T>;
#define DUPLICATE(T)                                            \
  template [[host_name("duplicate_blocks_" #T)]] [[kernel]] \
  decltype(duplicate_blocks<T>) duplicate_blocks<T>;
#define JOIN(T, H)                                                       \
  template [[host_name("join_partitions_" #T "_hs" #H)]] [[kernel]] \
  decltype(join_partitions<T, H>) join_partitions<T, H>;
#define ATTEND(T, H, B)                                                            \
  template [[host_name("attend_partition_" #T "_hs" #H "_bs" #B)]] [[kernel]] \
  decltype(attend_partition<T, H, B>) attend_partition<T, H, B>;

STORE(float)
STORE(half)
DUPLICATE(float)
DUPLICATE(half)
JOIN(float, 64)
JOIN(half, 64)
ATTEND(float, 64, 16)
ATTEND(half, 64, 16)
