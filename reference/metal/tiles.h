// Tiles of queries, keys and values in threadgroup memory, in float32 whatever they are stored as.

/// Numbers from one row of a tile to the next. 4 more than a row has, so that the 8 keys that a
/// simdgroup reads at a time lie in different banks.
constexpr int pitch(int size) {
  return size + 4;
}

/// Rows `first` to `last` of a tile from one block of a cache; the other rows become 0.
///
/// Neighbouring threads read neighbouring numbers. `stride` is from one token to the next.
template <int SIZE, typename Stored>
void load_tile(threadgroup float* tile, const device Stored* tokens, long stride, int first,
               int last, float scale, int thread_id) {
  for (int i = thread_id; i < KEYS * SIZE; i += THREADS) {
    const int k = i / SIZE;
    const int d = i % SIZE;
    // What no row sees may be another sequence's, or anything at all.
    const bool seen = first <= k && k < last;
    tile[k * pitch(SIZE) + d] = seen ? worth(tokens[k * stride + d], scale) : 0.0f;
  }
}

/// q·k of key lane / SHARE of the tile: its lanes take every SHARE-th product each.
template <int SIZE>
float dot_product(const threadgroup float* q, const threadgroup float* K_j, int lane) {
  const threadgroup float* k = K_j + (lane / SHARE) * pitch(SIZE);
  float sum = 0.0f;
  for (int d = lane % SHARE; d < SIZE; d += SHARE) {
    sum += q[d] * k[d];
  }
  return quad_sum(sum);
}

/// s of a query and a key, from q·k: scale, soft cap (0 for none), then the slope of distance.
inline float logit(float qk, float scale, float logits_soft_cap, float alibi_slope, int distance) {
  float s = scale * qk;
  if (logits_soft_cap > 0.0f) {
    s = logits_soft_cap * precise::tanh(s / logits_soft_cap);
  }
  return s - alibi_slope * float(distance);
}
