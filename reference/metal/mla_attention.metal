// Multi-head latent attention over a paged cache of latents, in the form that decoding takes:
// DeepSeek-V2 (2024), section 2.1; reference/oracle/mla.py. Prefill is the same with more rows.
//
// All heads share one row [c ; k_R] a token: it is the key, and its latent c is the value. It is
// loaded once for both.
//
//   T             dtype of query, cache and output
//   ROW_SIZE      latent_size + rope_size
//   LATENT_SIZE   latent_size
//   query         [num_tokens, num_heads, ROW_SIZE]
//   latent_cache  [num_blocks, block_size, ROW_SIZE]
//   block_table   [num_seqs, max_blocks]
//   tiles         [num_tiles, 2], the sequence of each tile of rows, and its first row there
//   output        [num_tokens, num_heads, LATENT_SIZE]
//
// Grid: num_tiles threadgroups of ROWS simdgroups.

threadgroup float Q_i[ROWS * ROW_SIZE];
threadgroup float C_j[KEYS * pitch(ROW_SIZE)];

const int thread_id = int(thread_index_in_threadgroup);
const int lane = int(thread_index_in_simdgroup);
const int tile = int(threadgroup_position_in_grid.x);

const int num_heads = query_shape[1];
const int block_size = latent_cache_shape[1];
const int max_blocks = block_table_shape[1];

// Row r of a sequence is head r % num_heads of query token r / num_heads.
const int sequence = tiles[2 * tile];
const int first_row = tiles[2 * tile + 1];
const int first_token = query_start_loc[sequence];
const int num_queries = query_start_loc[sequence + 1] - first_token;
const int num_rows = min(num_queries * num_heads - first_row, ROWS);
const int start = seq_lens[sequence] - num_queries;  // position of the first query token

const bool has_row = int(simdgroup_index_in_threadgroup) < num_rows;
const int row = first_row + (has_row ? int(simdgroup_index_in_threadgroup) : 0);
const long at = long(first_token) * num_heads + row;
const int position = start + row / num_heads;
const int tile_end = start + (first_row + num_rows - 1) / num_heads + 1;

threadgroup float* q = Q_i + simdgroup_index_in_threadgroup * ROW_SIZE;
for (int d = lane; d < ROW_SIZE; d += LANES) {
  q[d] = float(query[at * ROW_SIZE + d]);
}

OnlineSoftmax<LATENT_SIZE> softmax = {LOWEST, 0.0f, {}};

for (int j = 0; j < tile_end; j += KEYS) {
  const long block = block_table[sequence * max_blocks + j / block_size];
  const long tokens = (block * block_size + j % block_size) * ROW_SIZE;
  threadgroup_barrier(mem_flags::mem_threadgroup);  // all are done with the tile before
  load_tile<ROW_SIZE>(C_j, latent_cache + tokens, ROW_SIZE, 0, tile_end - j, 1.0f, thread_id);
  threadgroup_barrier(mem_flags::mem_threadgroup);

  const int last = min(position + 1 - j, KEYS);
  if (last > 0) {  // the same for all lanes
    const float S = scale * dot_product<ROW_SIZE>(q, C_j, lane);
    softmax.add(S, 0, last, C_j, pitch(ROW_SIZE), lane);
  }
}

if (has_row) {
  for (int n = 0; n < softmax.PER_LANE; ++n) {
    const int d = lane + n * LANES;
    if (d < LATENT_SIZE) {
      output[at * LATENT_SIZE + d] = T(softmax.O[n] / softmax.l);
    }
  }
}
