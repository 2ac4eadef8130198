// Attention over a paged K/V cache, of prefill, decode and any mixture of the two.
//
// Algorithm 1 of FlashAttention-2 (Dao 2023) over the blocks of PagedAttention (Kwon et al. 2023).
// Heads that share a K/V head are rows of one tile, so that decoding, too, reads a key once for
// all of them.
//
//   T            dtype of query and output
//   HEAD_SIZE    d of the paper
//   query        [num_tokens, num_heads, HEAD_SIZE]
//   key_cache    [num_blocks, block_size, num_kv_heads, HEAD_SIZE], as is value_cache
//   block_table  [num_seqs, max_blocks]
//   tiles        [num_tiles, 2], the sequence of each tile of rows, and its first row there
//   sinks        [num_heads], counted where has_sinks; alibi_slopes is 0 where there are none
//   output       [num_tokens, num_heads, HEAD_SIZE]
//
// Grid: num_kv_heads by num_tiles threadgroups of ROWS simdgroups.

threadgroup float Q_i[ROWS * HEAD_SIZE];
threadgroup float K_j[KEYS * pitch(HEAD_SIZE)];
threadgroup float V_j[KEYS * pitch(HEAD_SIZE)];

const int thread_id = int(thread_index_in_threadgroup);
const int lane = int(thread_index_in_simdgroup);
const int kv_head = int(threadgroup_position_in_grid.x);
const int tile = int(threadgroup_position_in_grid.y);

const int num_heads = query_shape[1];
const int block_size = key_cache_shape[1];
const int num_kv_heads = key_cache_shape[2];
const int max_blocks = block_table_shape[1];
const int group = num_heads / num_kv_heads;

// Row r of a sequence is head r % group of the K/V head's, of query token r / group.
const int sequence = tiles[2 * tile];
const int first_row = tiles[2 * tile + 1];
const int first_token = query_start_loc[sequence];
const int num_queries = query_start_loc[sequence + 1] - first_token;
const int num_rows = min(num_queries * group - first_row, ROWS);
const int start = seq_lens[sequence] - num_queries;  // position of the first query token

const int row = first_row + int(simdgroup_index_in_threadgroup);
const bool has_row = int(simdgroup_index_in_threadgroup) < num_rows;
const int token = first_token + (has_row ? row / group : 0);
const int head = kv_head * group + (has_row ? row % group : 0);
const long at = (long(token) * num_heads + head) * HEAD_SIZE;
const int position = start + row / group;

// The keys of this row, and those of all rows of the tile. A token sees itself.
const int begin = max(0, position - sliding_window + 1);
const int end = has_row ? position + 1 : begin;
const int tile_begin = max(0, start + first_row / group - sliding_window + 1);
const int tile_end = start + (first_row + num_rows - 1) / group + 1;

threadgroup float* q = Q_i + simdgroup_index_in_threadgroup * HEAD_SIZE;
for (int d = lane; d < HEAD_SIZE; d += LANES) {
  q[d] = has_row ? float(query[at + d]) : 0.0f;
}

// A sink is a key that has a logit and no value.
OnlineSoftmax<HEAD_SIZE> softmax = {LOWEST, 0.0f, {}};
if (has_sinks) {
  softmax.m = sinks[head];
  softmax.l = 1.0f;
}

for (int j = tile_begin / KEYS * KEYS; j < tile_end; j += KEYS) {
  const long block = block_table[sequence * max_blocks + j / block_size];
  const long stride = long(num_kv_heads) * HEAD_SIZE;
  const long tokens = (block * block_size + j % block_size) * stride + kv_head * HEAD_SIZE;
  threadgroup_barrier(mem_flags::mem_threadgroup);  // all are done with the tile before
  const int from = tile_begin - j, to = tile_end - j;  // keys of the tile that some row sees
  load_tile<HEAD_SIZE>(K_j, key_cache + tokens, stride, from, to, k_scale, thread_id);
  load_tile<HEAD_SIZE>(V_j, value_cache + tokens, stride, from, to, v_scale, thread_id);
  threadgroup_barrier(mem_flags::mem_threadgroup);

  const int first = max(begin - j, 0), last = min(end - j, KEYS);
  if (first < last) {  // the same for all lanes
    const int distance = position - (j + lane / SHARE);
    const float S = logit(dot_product<HEAD_SIZE>(q, K_j, lane), scale, logits_soft_cap,
                          alibi_slopes[head], distance);
    softmax.add(S, first, last, V_j, pitch(HEAD_SIZE), lane);
  }
}

if (has_row) {
  for (int n = 0; n < softmax.PER_LANE; ++n) {
    const int d = lane + n * LANES;
    if (d < HEAD_SIZE) {
      output[at + d] = T(softmax.O[n] / softmax.l);
    }
  }
}
