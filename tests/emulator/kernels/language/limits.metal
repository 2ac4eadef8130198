// Type traits, limits and enumerations (specification, section 6.1).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

[[kernel]] void type_traits(device uint* out [[buffer(0)]]) {
  out[0] = is_floating_point_v<half> && is_floating_point_v<bfloat> && !is_floating_point_v<int>;
  out[1] = is_integral_v<uchar> && !is_integral_v<half>;
  out[2] = is_signed_v<char> && is_unsigned<ushort>::value;
  out[3] = is_same_v<conditional_t<true, int, float>, int>;
  out[4] = is_same_v<remove_cv_t<const volatile int>, int> && is_pointer_v<device int*>;
  out[5] = is_same_v<enable_if_t<is_arithmetic_v<half>, char>, char>;
  out[6] = is_convertible_v<bfloat, float> && !is_convertible_v<float, bfloat> &&
           is_convertible_v<float, half>;
}

[[kernel]] void limits_of_integers(device long* out [[buffer(0)]]) {
  out[0] = numeric_limits<char>::min();
  out[1] = numeric_limits<uchar>::max();
  out[2] = numeric_limits<short>::lowest();
  out[3] = numeric_limits<int>::max();
  out[4] = numeric_limits<uint>::max();
  out[5] = numeric_limits<long>::min();
  out[6] = INT_MAX;
  out[7] = numeric_limits<int>::digits;
  out[8] = USHRT_MAX;
}

[[kernel]] void limits_of_floats(device float* out [[buffer(0)]]) {
  out[0] = numeric_limits<half>::max();
  out[1] = numeric_limits<half>::epsilon();
  out[2] = numeric_limits<half>::min();
  out[3] = numeric_limits<bfloat>::max();
  out[4] = numeric_limits<bfloat>::epsilon();
  out[5] = numeric_limits<float>::lowest();
  out[6] = numeric_limits<float>::infinity();
  out[7] = FLT_EPSILON;
  out[8] = HALF_MAX;
  out[9] = isnan(numeric_limits<half>::quiet_NaN()) && isnan(NAN) && isinf(INFINITY);
  out[10] = numeric_limits<half>::denorm_min();
}

enum class Mode : uchar { add = 1, multiply = 4 };
union Pun {
  float f;
  uint u;
};

[[kernel]] void enumerations_and_unions(device uint* out [[buffer(0)]]) {
  Mode mode = Mode::multiply;
  switch (mode) {
    case Mode::add: out[0] = 0; break;
    case Mode::multiply: out[0] = 44; break;
  }
  out[1] = sizeof(Mode);
  Pun pun;
  pun.f = 1.0f;
  out[2] = pun.u;
}
