// Type traits (specification, section 6.1: the header metal_type_traits) and metal::array.
// The standard library's, but for those that have to know half and bfloat.
#pragma once
#pragma GCC system_header

#include <type_traits>
#include <utility>

#include "vector.hpp"

namespace metal {

#define MACCORD_TRAIT(name)                                                                       \
  using std::name;                                                                                \
  using std::name##_v;
MACCORD_TRAIT(is_array)
MACCORD_TRAIT(is_base_of)
MACCORD_TRAIT(is_class)
MACCORD_TRAIT(is_const)
MACCORD_TRAIT(is_convertible)
MACCORD_TRAIT(is_enum)
MACCORD_TRAIT(is_function)
MACCORD_TRAIT(is_integral)
MACCORD_TRAIT(is_lvalue_reference)
MACCORD_TRAIT(is_pointer)
MACCORD_TRAIT(is_reference)
MACCORD_TRAIT(is_rvalue_reference)
MACCORD_TRAIT(is_same)
MACCORD_TRAIT(is_trivially_copyable)
MACCORD_TRAIT(is_union)
MACCORD_TRAIT(is_unsigned)
MACCORD_TRAIT(is_void)
MACCORD_TRAIT(is_volatile)
MACCORD_TRAIT(is_constructible)
MACCORD_TRAIT(is_default_constructible)
MACCORD_TRAIT(is_assignable)
MACCORD_TRAIT(alignment_of)
MACCORD_TRAIT(extent)
MACCORD_TRAIT(rank)
MACCORD_TRAIT(conjunction)
MACCORD_TRAIT(disjunction)
MACCORD_TRAIT(negation)
#undef MACCORD_TRAIT

#define MACCORD_TRAIT(name)                                                                       \
  using std::name;                                                                                \
  using std::name##_t;
MACCORD_TRAIT(add_const)
MACCORD_TRAIT(add_cv)
MACCORD_TRAIT(add_lvalue_reference)
MACCORD_TRAIT(add_pointer)
MACCORD_TRAIT(add_rvalue_reference)
MACCORD_TRAIT(add_volatile)
MACCORD_TRAIT(common_type)
MACCORD_TRAIT(conditional)
MACCORD_TRAIT(decay)
MACCORD_TRAIT(enable_if)
MACCORD_TRAIT(invoke_result)
MACCORD_TRAIT(make_signed)
MACCORD_TRAIT(make_unsigned)
MACCORD_TRAIT(remove_all_extents)
MACCORD_TRAIT(remove_const)
MACCORD_TRAIT(remove_cv)
MACCORD_TRAIT(remove_extent)
MACCORD_TRAIT(remove_pointer)
MACCORD_TRAIT(remove_reference)
MACCORD_TRAIT(remove_volatile)
MACCORD_TRAIT(underlying_type)
#undef MACCORD_TRAIT

using std::bool_constant;
using std::declval;
using std::false_type;
using std::integral_constant;
using std::true_type;

template <class... T>
using _disjunction = std::disjunction<T...>;
template <class... T>
using _conjunction = std::conjunction<T...>;
template <class T>
using _negation = std::negation<T>;

template <class T>
struct is_floating_point
    : std::bool_constant<std::is_same_v<std::remove_cv_t<T>, float> ||
                         std::is_same_v<std::remove_cv_t<T>, half> ||
                         std::is_same_v<std::remove_cv_t<T>, bfloat>> {};
template <class T>
inline constexpr bool is_floating_point_v = is_floating_point<T>::value;

template <class T>
struct is_arithmetic : std::bool_constant<is_integral_v<T> || is_floating_point_v<T>> {};
template <class T>
inline constexpr bool is_arithmetic_v = is_arithmetic<T>::value;

template <class T>
struct is_signed : std::bool_constant<std::is_signed_v<T> || is_floating_point_v<T>> {};
template <class T>
inline constexpr bool is_signed_v = is_signed<T>::value;

template <class T>
struct is_scalar : std::bool_constant<is_arithmetic_v<T> || std::is_scalar_v<T>> {};
template <class T>
inline constexpr bool is_scalar_v = is_scalar<T>::value;

// vec<T, N> -> T, a scalar -> itself; whether a type is a vector at all.
template <class T>
struct make_scalar {
  using type = T;
};
template <class T, int N>
struct make_scalar<vec<T, N>> {
  using type = T;
};
template <class T>
using make_scalar_t = typename make_scalar<T>::type;

// Address spaces are erased before the compiler sees them.
template <class T>
struct remove_addrspace {
  using type = std::remove_cv_t<T>;
};
template <class T>
using remove_addrspace_t = typename remove_addrspace<T>::type;

template <class T>
constexpr T&& forward(std::remove_reference_t<T>& value) {
  return static_cast<T&&>(value);
}
template <class T>
constexpr std::remove_reference_t<T>&& move(T&& value) {
  return static_cast<std::remove_reference_t<T>&&>(value);
}
// A parameter of this type does not take part in deducing T.
template <class T>
struct same_type {
  using type = T;
};
template <class T>
using not_deduced = typename same_type<T>::type;

// Specification, section 2.12: an array that copies as a value.
template <class T, size_t N>
struct array {
  using value_type = T;
  T elements[N];

  constexpr T& operator[](size_t i) { return elements[i]; }
  constexpr const T& operator[](size_t i) const { return elements[i]; }
  static constexpr size_t size() { return N; }
  static constexpr bool empty() { return false; }
  constexpr T* data() { return elements; }
  constexpr const T* data() const { return elements; }
  constexpr T* begin() { return elements; }
  constexpr const T* begin() const { return elements; }
  constexpr T* end() { return elements + N; }
  constexpr const T* end() const { return elements + N; }
  constexpr T& front() { return elements[0]; }
  constexpr const T& front() const { return elements[0]; }
  constexpr T& back() { return elements[N - 1]; }
  constexpr const T& back() const { return elements[N - 1]; }
  constexpr void fill(const T& value) {
    for (T& element : elements) element = value;
  }
};

// Specification, section 2.14: a promise about threads that costs and changes nothing here.
template <class T>
struct uniform {
  T value;
  uniform() = default;
  constexpr uniform(T v) : value(v) {}
  constexpr operator T() const { return value; }
};
template <class T>
constexpr uniform<T> make_uniform(T value) {
  return uniform<T>(value);
}

}  // namespace metal
