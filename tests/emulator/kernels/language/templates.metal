// Function constants and templates (specification, sections 1.4.2 and 5.8).
// Each kernel shows one feature; buffer(0) is what it writes.
#include <metal_stdlib>
using namespace metal;

// ---- 5.8 function constants ----------------------------------------------------------------------

constant bool use_bias [[function_constant(0)]];
constant int width [[function_constant(1)]];
constant float scale [[function_constant(2)]];
constant bool has_scale = is_function_constant_defined(scale);
constant int doubled = width * 2;

[[kernel]] void function_constants(device float* out [[buffer(0)]]) {
  out[0] = use_bias ? 1 : 2;
  out[1] = doubled;
  out[2] = has_scale ? scale : -1;
}

// ---- 1.4.2 templates -----------------------------------------------------------------------------

template <typename T, int N>
[[kernel]] void scaled(device const T* in [[buffer(1)]], device T* out [[buffer(0)]],
                       uint i [[thread_position_in_grid]]) {
  out[i] = in[i] * T(N);
}
template [[host_name("scaled_float_3")]] [[kernel]] void scaled<float, 3>(
    device const float*, device float*, uint);
template [[host_name("scaled_short_7")]] [[kernel]] void scaled<short, 7>(
    device const short*, device short*, uint);

template <typename T>
struct Accumulator {
  T sum = 0;
  void add(T x) thread { sum += x; }
  T value() const thread { return sum; }
};
template <>
struct Accumulator<bool> {
  bool any = false;
  void add(bool x) thread { any = any || x; }
  bool value() const thread { return any; }
};

[[kernel]] void class_templates(device const int* in [[buffer(1)]],
                                device int* out [[buffer(0)]]) {
  Accumulator<int> sum;
  Accumulator<bool> any;
  for (int i = 0; i < 4; ++i) {
    sum.add(in[i]);
    any.add(in[i] > 3);
  }
  out[0] = sum.value();
  out[1] = any.value();
}

template <int N>
int fibonacci() {
  if constexpr (N < 2) {
    return N;
  } else {
    return fibonacci<N - 1>() + fibonacci<N - 2>();
  }
}

[[kernel]] void constexpr_if(device int* out [[buffer(0)]]) {
  auto square = [](int x) { return x * x; };
  out[0] = fibonacci<10>();
  out[1] = square(12);
}
