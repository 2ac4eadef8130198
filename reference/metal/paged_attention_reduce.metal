// Partitions of a context into the whole: Milakov and Gimelshein 2018, section 3.1;
// reference/oracle/merge.py.
//
//     m = max_a m_a        o = Σ_a exp(m_a - m) O_a / (Σ_a exp(m_a - m) l_a + exp(sink - m))
//
//   T, HEAD_SIZE
//   m, l      [num_seqs, num_heads, num_partitions]; LOWEST and 0 of a partition without keys
//   O         [num_seqs, num_heads, num_partitions, HEAD_SIZE]
//   sinks     [num_heads], counted where has_sinks
//   output    [num_seqs, num_heads, HEAD_SIZE]
//
// Grid: num_heads by num_seqs simdgroups.

const int lane = int(thread_index_in_simdgroup);
const int head = int(threadgroup_position_in_grid.x);
const int num_heads = m_shape[1];
const int num_partitions = m_shape[2];
const long row = long(threadgroup_position_in_grid.y) * num_heads + head;
const long parts = row * num_partitions;

float largest = LOWEST;
if (has_sinks) {
  largest = sinks[head];
}
for (int a = lane; a < num_partitions; a += LANES) {
  largest = max(largest, m[parts + a]);
}
largest = simd_max(largest);

float sum = 0.0f;
for (int a = lane; a < num_partitions; a += LANES) {
  sum += precise::exp(m[parts + a] - largest) * l[parts + a];
}
sum = simd_sum(sum);
if (has_sinks) {
  sum += precise::exp(sinks[head] - largest);
}

for (int d = lane; d < HEAD_SIZE; d += LANES) {
  float o = 0.0f;
  for (int a = 0; a < num_partitions; ++a) {
    o += precise::exp(m[parts + a] - largest) * O[(parts + a) * HEAD_SIZE + d];
  }
  output[row * HEAD_SIZE + d] = T(o / sum);
}
