// Decode over long contexts, each cut into partitions that run side by side: "Flash-Decoding" (Dao
// et al. 2023); paged_attention_v2 of vLLM. What a partition comes to is m, l and O of its online
// softmax; paged_attention_reduce.metal makes one of them.
//
//   HEAD_SIZE, PARTITION    PARTITION is a multiple of KEYS
//   query        [num_seqs, num_heads, HEAD_SIZE], one token of each sequence
//   key_cache    [num_blocks, block_size, num_kv_heads, HEAD_SIZE], as is value_cache
//   block_table  [num_seqs, max_blocks]
//   m, l         [num_seqs, num_heads, num_partitions]
//   O            [num_seqs, num_heads, num_partitions, HEAD_SIZE], not divided by l
//
// Grid: num_kv_heads * tiles of its heads by num_seqs by num_partitions threadgroups of ROWS
// simdgroups. A sink belongs to no partition.

threadgroup float Q_i[ROWS * HEAD_SIZE];
threadgroup float K_j[KEYS * pitch(HEAD_SIZE)];
threadgroup float V_j[KEYS * pitch(HEAD_SIZE)];

const int thread_id = int(thread_index_in_threadgroup);
const int lane = int(thread_index_in_simdgroup);
const int sequence = int(threadgroup_position_in_grid.y);
const int partition = int(threadgroup_position_in_grid.z);
const int num_partitions = int(threadgroups_per_grid.z);

const int num_heads = query_shape[1];
const int block_size = key_cache_shape[1];
const int num_kv_heads = key_cache_shape[2];
const int max_blocks = block_table_shape[1];
const int group = num_heads / num_kv_heads;

// A row is a head of the K/V head's.
const int tiles_per_kv_head = (group + ROWS - 1) / ROWS;
const int kv_head = int(threadgroup_position_in_grid.x) / tiles_per_kv_head;
const int row = int(threadgroup_position_in_grid.x) % tiles_per_kv_head * ROWS +
                int(simdgroup_index_in_threadgroup);
const bool has_row = row < group;
const int head = kv_head * group + (has_row ? row : 0);

// The keys that the query sees, and those of them in this partition.
const int position = seq_lens[sequence] - 1;
const int begin = max(max(0, position - sliding_window + 1), partition * PARTITION);
const int end = min(position + 1, (partition + 1) * PARTITION);

threadgroup float* q = Q_i + simdgroup_index_in_threadgroup * HEAD_SIZE;
for (int d = lane; d < HEAD_SIZE; d += LANES) {
  q[d] = float(query[(long(sequence) * num_heads + head) * HEAD_SIZE + d]);
}

OnlineSoftmax<HEAD_SIZE> softmax = {LOWEST, 0.0f, {}};

for (int j = begin / KEYS * KEYS; j < end; j += KEYS) {
  const long block = block_table[sequence * max_blocks + j / block_size];
  const long stride = long(num_kv_heads) * HEAD_SIZE;
  const long tokens = (block * block_size + j % block_size) * stride + kv_head * HEAD_SIZE;
  threadgroup_barrier(mem_flags::mem_threadgroup);  // all are done with the tile before
  load_tile<HEAD_SIZE>(K_j, key_cache + tokens, stride, begin - j, end - j, k_scale, thread_id);
  load_tile<HEAD_SIZE>(V_j, value_cache + tokens, stride, begin - j, end - j, v_scale, thread_id);
  threadgroup_barrier(mem_flags::mem_threadgroup);

  const int distance = position - (j + lane / SHARE);
  const float S = logit(dot_product<HEAD_SIZE>(q, K_j, lane), scale, logits_soft_cap,
                        alibi_slopes[head], distance);
  softmax.add(S, max(begin - j, 0), min(end - j, KEYS), V_j, pitch(HEAD_SIZE), lane);
}

if (has_row) {
  const long at = (long(sequence) * num_heads + head) * num_partitions + partition;
  if (lane == 0) {
    m[at] = softmax.m;
    l[at] = softmax.l;
  }
  for (int n = 0; n < softmax.PER_LANE; ++n) {
    const int d = lane + n * LANES;
    if (d < HEAD_SIZE) {
      O[at * HEAD_SIZE + d] = softmax.O[n];
    }
  }
}
