// The softmax of one row while its keys arrive, a tile at a time: Milakov and Gimelshein 2018,
// "Online normalizer calculation for softmax", algorithm 3; lines 8 to 10 and 12 of algorithm 1 of
// FlashAttention-2 (Dao 2023). One simdgroup keeps one row.

/// Keys of a tile, B_c of the paper. It divides every block size: a tile lies in one block.
constant constexpr int KEYS = 8;
/// Rows of a tile, B_r of the paper, and so the simdgroups of a threadgroup.
constant constexpr int ROWS = 4;
constant constexpr int LANES = 32;
constant constexpr int THREADS = ROWS * LANES;
/// Lanes that share a key: KEYS * SHARE == LANES.
constant constexpr int SHARE = LANES / KEYS;

/// Below every logit, and far enough from the end that a difference of two does not overflow. In a
/// choice beside a variable it is float(LOWEST): the two lie in different address spaces.
constant constexpr float LOWEST = -0.5f * FLT_MAX;

/// m, l and O of a row. {m, l, {}} is one of l keys that have the logit m and a value of 0.
template <int VALUE_SIZE>
struct OnlineSoftmax {
  static constant constexpr const int PER_LANE = (VALUE_SIZE + LANES - 1) / LANES;

  float m;            // largest logit so far
  float l;            // Σ exp(s - m)
  float O[PER_LANE];  // Σ exp(s - m) v; this lane has the elements lane, lane + 32, …

  /// Keys `first` to `last` of a tile.
  ///
  /// `s` is the logit of key lane / SHARE, and V_j its tile, in rows of `pitch` numbers.
  void add(float s, int first, int last, const threadgroup float* V_j, int pitch, int lane) {
    const int key = lane / SHARE;
    const bool seen = first <= key && key < last;
    const float m_new = max(m, simd_max(seen ? s : float(LOWEST)));
    const float P = seen ? precise::exp(s - m_new) : 0.0f;
    const float rescale = precise::exp(m - m_new);
    l = rescale * l + simd_sum(lane % SHARE == 0 ? P : 0.0f);
    for (int n = 0; n < PER_LANE; ++n) {
      O[n] *= rescale;
    }
    // Keys that are not seen are left out, and not given a weight of 0: 0 times infinity is NaN.
    for (int k = first; k < last; ++k) {
      const float p = simd_shuffle(P, ushort(k * SHARE));
      for (int n = 0; n < PER_LANE; ++n) {
        const int d = lane + n * LANES;
        if (d < VALUE_SIZE) {
          O[n] += p * V_j[k * pitch + d];
        }
      }
    }
    m = m_new;
  }
};
