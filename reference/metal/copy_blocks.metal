// Copies whole blocks of both caches, as copy-on-write does: Kwon et al. 2023, section 4.4.
//
//   key_cache      [num_blocks, words], as is value_cache, changed in place
//   block_mapping  [num_pairs, 2], from and to; no block is both
//
// Grid: a threadgroup for each pair.

const long pair = threadgroup_position_in_grid.x;
const long source = block_mapping[2 * pair];
const long destination = block_mapping[2 * pair + 1];
for (int i = thread_position_in_threadgroup.x; i < words; i += threads_per_threadgroup.x) {
  key_cache[destination * words + i] = key_cache[source * words + i];
  value_cache[destination * words + i] = value_cache[source * words + i];
}
