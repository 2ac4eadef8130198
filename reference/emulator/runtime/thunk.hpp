// Binds the parameters of a kernel function to the arguments of a launch. Included after the
// metal_stdlib shim by the code that the translator makes.
#pragma once

#include <type_traits>
#include <utility>

#include "contract.hpp"

namespace metal_emulator {

// What the attribute of a parameter asks for: a buffer, threadgroup memory, or a field of Position.
enum class Source { buffer, threadgroup, size3, scalar };

struct Parameter {
  Source source;
  uint32_t index;
  Size3 Position::*size3;
  uint32_t Position::*scalar;
};

constexpr Parameter buffer(uint32_t index) { return {Source::buffer, index, nullptr, nullptr}; }
constexpr Parameter threadgroup_memory(uint32_t index) {
  return {Source::threadgroup, index, nullptr, nullptr};
}
constexpr Parameter position(Size3 Position::*field) { return {Source::size3, 0, field, nullptr}; }
constexpr Parameter position(uint32_t Position::*field) {
  return {Source::scalar, 0, nullptr, field};
}

template <class T>
T from_size3(const Size3& value) {
  if constexpr (std::is_arithmetic_v<T>) {
    return static_cast<T>(value.x);
  } else {
    using Element = std::decay_t<decltype(std::declval<T>()[0])>;
    T result;
    result[0] = static_cast<Element>(value.x);
    result[1] = static_cast<Element>(value.y);
    if constexpr (sizeof(T) > 2 * sizeof(Element)) result[2] = static_cast<Element>(value.z);
    return result;
  }
}

// One argument of type T (as the kernel declares it) out of the launch.
template <class T>
struct Argument {
  static T get(const Parameter& parameter, const Arguments&) {
    if (parameter.source == Source::scalar) {
      if constexpr (std::is_arithmetic_v<T>) {
        return static_cast<T>(current().*parameter.scalar);
      }
    }
    return from_size3<T>(current().*parameter.size3);
  }
};

template <class T>
struct Argument<T*> {
  static T* get(const Parameter& parameter, const Arguments& arguments) {
    if (parameter.source == Source::threadgroup) {
      return reinterpret_cast<T*>(threadgroup_arena +
                                  arguments.threadgroup_offsets[parameter.index]);
    }
    return static_cast<T*>(arguments.buffers[parameter.index]);
  }
};

template <class T>
struct Argument<T&> {
  static T& get(const Parameter& parameter, const Arguments& arguments) {
    return *Argument<T*>::get(parameter, arguments);
  }
};

template <class Signature>
struct Call;

template <class... A>
struct Call<void (*)(A...)> {
  template <std::size_t... i>
  static void with(void (*kernel)(A...), const Parameter* parameters, const Arguments& arguments,
                   std::index_sequence<i...>) {
    kernel(Argument<A>::get(parameters[i], arguments)...);
  }
};

template <class... A>
void call(void (*kernel)(A...), const Parameter* parameters, const Arguments& arguments) {
  Call<void (*)(A...)>::with(kernel, parameters, arguments,
                             std::make_index_sequence<sizeof...(A)>{});
}

}  // namespace metal_emulator
