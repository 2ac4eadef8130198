// Writes the key and value of each token to its slot of a paged cache: Kwon et al. 2023, section
// 4.3. Slot -1 is padding.
//
//   key           [num_tokens, width] with width = num_kv_heads * head_size, as is value
//   key_cache     [num_blocks * block_size, width], as is value_cache, changed in place
//   slot_mapping  [num_tokens]
//
// What is kept as it is, comes as unsigned integers: bits, and no numbers that could be normalised.
//
// Grid: a threadgroup for each token.

const long token = threadgroup_position_in_grid.x;
const long slot = slot_mapping[token];
if (slot >= 0) {
  for (int i = thread_position_in_threadgroup.x; i < width; i += threads_per_threadgroup.x) {
    store(key_cache[slot * width + i], key[token * width + i], k_scale);
    store(value_cache[slot * width + i], value[token * width + i], v_scale);
  }
}
