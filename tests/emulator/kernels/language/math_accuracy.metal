// Math functions of one and two arguments (specification, section 6.5).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

#define MATH(name)                                                            \
  [[kernel]] void math_##name(device const float* in [[buffer(1)]],           \
                              device float* out [[buffer(0)]],                \
                              uint i [[thread_position_in_grid]]) {           \
    out[i] = name(in[i]);                                                     \
  }
MATH(acos) MATH(acosh) MATH(asin) MATH(asinh) MATH(atan) MATH(atanh) MATH(cos) MATH(cosh)
MATH(cospi) MATH(exp) MATH(exp10) MATH(exp2) MATH(log) MATH(log10) MATH(log2) MATH(rsqrt)
MATH(sin) MATH(sinh) MATH(sinpi) MATH(sqrt) MATH(tan) MATH(tanh) MATH(tanpi)
MATH(ceil) MATH(fabs) MATH(floor) MATH(fract) MATH(rint) MATH(round) MATH(trunc)

#define MATH2(name)                                                           \
  [[kernel]] void math_##name(device const float* x [[buffer(1)]],            \
                              device const float* y [[buffer(2)]],            \
                              device float* out [[buffer(0)]],                \
                              uint i [[thread_position_in_grid]]) {           \
    out[i] = name(x[i], y[i]);                                                \
  }
MATH2(atan2) MATH2(copysign) MATH2(divide) MATH2(fdim) MATH2(fmax) MATH2(fmin) MATH2(fmod)
MATH2(nextafter) MATH2(pow) MATH2(powr)
