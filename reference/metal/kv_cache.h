// What a number of a K/V cache is worth, and how one is stored: reference/oracle/quantised.py.

// ---- as it is

/// A number that is stored in a float dtype has no scale.
template <typename T>
float worth(T stored, float) {
  return float(stored);
}

template <typename T>
void store(device T& at, T x, float) {
  at = x;
}

// ---- fp8: E4M3 of the OCP 8-bit floating point specification

constant constexpr float E4M3_LARGEST = 448.0f;
constant constexpr int E4M3_BIAS = 7;
constant constexpr int E4M3_FRACTION_BITS = 3;
constant constexpr int FLOAT_BIAS = 127;
constant constexpr int FLOAT_FRACTION_BITS = 23;

/// 2 to the power of `exponent`, which is that of a normal number.
inline float power_of_2(int exponent) {
  return as_type<float>(uint(exponent + FLOAT_BIAS) << FLOAT_FRACTION_BITS);
}

inline float worth(uint8_t stored, float scale) {
  const int exponent = (stored >> E4M3_FRACTION_BITS) & 0xF;
  const float fraction = float(stored & 0x7) / 8.0f;
  float value = exponent > 0 ? power_of_2(exponent - E4M3_BIAS) * (1.0f + fraction)
                             : power_of_2(1 - E4M3_BIAS) * fraction;
  if ((stored & 0x7F) == 0x7F) {
    value = NAN;
  }
  return (stored & 0x80 ? -value : value) * scale;
}

/// The nearest number of E4M3, ties to even; beyond the largest, that.
inline void store(device uint8_t& at, float x, float scale) {
  const uint bits = as_type<uint>(x / scale);
  const uint magnitude = bits & 0x7FFFFFFF;
  uint code = 0x7F;  // NaN
  if (magnitude <= 0x7F800000) {
    const float value = min(as_type<float>(magnitude), E4M3_LARGEST);
    const int smallest = 1 - E4M3_BIAS;  // exponent below which steps are equal
    const int exponent =
        max(int(as_type<uint>(value) >> FLOAT_FRACTION_BITS) - FLOAT_BIAS, smallest);
    const uint steps = uint(rint(value * power_of_2(E4M3_FRACTION_BITS - exponent)));
    // Steps follow one another over the ends of binades: 16 is the next exponent's first.
    code = (uint(exponent - smallest) << E4M3_FRACTION_BITS) + steps;
  }
  at = uint8_t(code | (bits >> 31 << 7));
}

// ---- int8: symmetric

constant constexpr float INT8_LARGEST = 127.0f;

inline float worth(int8_t stored, float scale) {
  return float(stored) * scale;
}

inline void store(device int8_t& at, float x, float scale) {
  at = int8_t(clamp(rint(x / scale), -INT8_LARGEST, INT8_LARGEST));
}
