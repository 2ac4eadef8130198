// Vectors of 2, 3 and 4 components, their packed forms and swizzles (specification, section 2.2).
//
// A swizzle is a member of the union that holds the components: `v.zyx` is the whole vector seen
// through a type that picks components 2, 1 and 0. It converts to a vector where one is asked for;
// the functions here take vectors and swizzles alike (`vector_of`).
#pragma once
#pragma GCC system_header

#include <utility>

#include "bfloat.hpp"

namespace metal {

template <class T, int N>
struct vec;
template <class T, int N>
struct packed_vec;

template <class T, int N, int... I>
struct swizzle {
  T all[N];

  constexpr operator vec<T, sizeof...(I)>() const { return vec<T, sizeof...(I)>(all[I]...); }

  swizzle() = default;
  swizzle(const swizzle&) = default;
  constexpr swizzle& operator=(const swizzle& value) {
    return assign(static_cast<vec<T, sizeof...(I)>>(value));
  }
  template <class V>
  constexpr swizzle& operator=(const V& value) {
    return assign(vec<T, sizeof...(I)>(value));
  }

 private:
  constexpr swizzle& assign(const vec<T, sizeof...(I)>& value) {
    static_assert(distinct(), "a swizzle that names a component twice cannot be assigned");
    int k = 0;
    ((all[I] = value.all[k++]), ...);
    return *this;
  }
  static constexpr bool distinct() {
    unsigned seen = 0;
    bool good = true;
    ((good = good && !(seen & (1u << I)), seen |= 1u << I), ...);
    return good;
  }
};

// The vector type that a vector, packed vector or swizzle stands for; no member for others.
template <class V>
struct vector_type {};
template <class T, int N>
struct vector_type<vec<T, N>> {
  using type = vec<T, N>;
};
template <class T, int N>
struct vector_type<packed_vec<T, N>> {
  using type = vec<T, N>;
};
template <class T, int N, int... I>
struct vector_type<swizzle<T, N, I...>> {
  using type = vec<T, sizeof...(I)>;
};
template <class V>
using vector_of = typename vector_type<V>::type;

template <class V, class = void>
inline constexpr bool is_vector_value = false;
template <class V>
inline constexpr bool is_vector_value<V, std::void_t<vector_of<V>>> = true;

template <class V>
struct vector_component {};
template <class T, int N>
struct vector_component<vec<T, N>> {
  using type = T;
};
template <class V>
using component_of = typename vector_component<vector_of<V>>::type;

template <class V>
constexpr int component_count() {
  if constexpr (is_vector_value<V>) {
    return vector_of<V>::N;
  } else {
    return is_scalar_type<V> || std::is_enum_v<V> ? 1 : 0;
  }
}

// The common type of an operation whose operands are vectors of one type or scalars that are
// spread over it; no member where no operand is a vector, or where two differ.
template <bool a, bool b, class A, class B>
struct common_vector_type {};
template <class A, class B>
struct common_vector_type<true, true, A, B>
    : std::enable_if<std::is_same_v<vector_of<A>, vector_of<B>>, vector_of<A>> {};
template <class A, class B>
struct common_vector_type<true, false, A, B>
    : std::enable_if<is_scalar_type<B> || std::is_enum_v<B>, vector_of<A>> {};
template <class A, class B>
struct common_vector_type<false, true, A, B>
    : std::enable_if<is_scalar_type<A> || std::is_enum_v<A>, vector_of<B>> {};
template <class A, class B>
using common_vector =
    typename common_vector_type<is_vector_value<A>, is_vector_value<B>, A, B>::type;

// The same for three operands: begins with two of which one is a vector.
template <class A, class B, class C, bool first = is_vector_value<A> || is_vector_value<B>>
using common_vector3 = common_vector<common_vector<std::conditional_t<first, A, C>, B>,
                                     std::conditional_t<first, C, A>>;

// The names of the components and of all swizzles of 2 to 4 of them, for both sets of letters.
#define MACCORD_SWIZZLE(name, ...) swizzle<T, N, __VA_ARGS__> name;
#define MACCORD_2_4(n, X, Y, ...) MACCORD_SWIZZLE(n, __VA_ARGS__)
#define MACCORD_2_3(n, X, Y, ...)                                                                 \
  MACCORD_SWIZZLE(n, __VA_ARGS__)                                                                 \
  MACCORD_2_4(n##X, X, Y, __VA_ARGS__, 0) MACCORD_2_4(n##Y, X, Y, __VA_ARGS__, 1)
#define MACCORD_2_2(n, X, Y, ...)                                                                 \
  MACCORD_SWIZZLE(n, __VA_ARGS__)                                                                 \
  MACCORD_2_3(n##X, X, Y, __VA_ARGS__, 0) MACCORD_2_3(n##Y, X, Y, __VA_ARGS__, 1)
#define MACCORD_2_1(n, X, Y, i) MACCORD_2_2(n##X, X, Y, i, 0) MACCORD_2_2(n##Y, X, Y, i, 1)
#define MACCORD_SWIZZLES_2(X, Y) MACCORD_2_1(X, X, Y, 0) MACCORD_2_1(Y, X, Y, 1)

#define MACCORD_3_4(n, X, Y, Z, ...) MACCORD_SWIZZLE(n, __VA_ARGS__)
#define MACCORD_3_3(n, X, Y, Z, ...)                                                              \
  MACCORD_SWIZZLE(n, __VA_ARGS__)                                                                 \
  MACCORD_3_4(n##X, X, Y, Z, __VA_ARGS__, 0)                                                      \
  MACCORD_3_4(n##Y, X, Y, Z, __VA_ARGS__, 1)                                                      \
  MACCORD_3_4(n##Z, X, Y, Z, __VA_ARGS__, 2)
#define MACCORD_3_2(n, X, Y, Z, ...)                                                              \
  MACCORD_SWIZZLE(n, __VA_ARGS__)                                                                 \
  MACCORD_3_3(n##X, X, Y, Z, __VA_ARGS__, 0)                                                      \
  MACCORD_3_3(n##Y, X, Y, Z, __VA_ARGS__, 1)                                                      \
  MACCORD_3_3(n##Z, X, Y, Z, __VA_ARGS__, 2)
#define MACCORD_3_1(n, X, Y, Z, i)                                                                \
  MACCORD_3_2(n##X, X, Y, Z, i, 0)                                                                \
  MACCORD_3_2(n##Y, X, Y, Z, i, 1)                                                                \
  MACCORD_3_2(n##Z, X, Y, Z, i, 2)
#define MACCORD_SWIZZLES_3(X, Y, Z)                                                               \
  MACCORD_3_1(X, X, Y, Z, 0) MACCORD_3_1(Y, X, Y, Z, 1) MACCORD_3_1(Z, X, Y, Z, 2)

#define MACCORD_4_4(n, X, Y, Z, W, ...) MACCORD_SWIZZLE(n, __VA_ARGS__)
#define MACCORD_4_3(n, X, Y, Z, W, ...)                                                           \
  MACCORD_SWIZZLE(n, __VA_ARGS__)                                                                 \
  MACCORD_4_4(n##X, X, Y, Z, W, __VA_ARGS__, 0)                                                   \
  MACCORD_4_4(n##Y, X, Y, Z, W, __VA_ARGS__, 1)                                                   \
  MACCORD_4_4(n##Z, X, Y, Z, W, __VA_ARGS__, 2)                                                   \
  MACCORD_4_4(n##W, X, Y, Z, W, __VA_ARGS__, 3)
#define MACCORD_4_2(n, X, Y, Z, W, ...)                                                           \
  MACCORD_SWIZZLE(n, __VA_ARGS__)                                                                 \
  MACCORD_4_3(n##X, X, Y, Z, W, __VA_ARGS__, 0)                                                   \
  MACCORD_4_3(n##Y, X, Y, Z, W, __VA_ARGS__, 1)                                                   \
  MACCORD_4_3(n##Z, X, Y, Z, W, __VA_ARGS__, 2)                                                   \
  MACCORD_4_3(n##W, X, Y, Z, W, __VA_ARGS__, 3)
#define MACCORD_4_1(n, X, Y, Z, W, i)                                                             \
  MACCORD_4_2(n##X, X, Y, Z, W, i, 0)                                                             \
  MACCORD_4_2(n##Y, X, Y, Z, W, i, 1)                                                             \
  MACCORD_4_2(n##Z, X, Y, Z, W, i, 2)                                                             \
  MACCORD_4_2(n##W, X, Y, Z, W, i, 3)
#define MACCORD_SWIZZLES_4(X, Y, Z, W)                                                            \
  MACCORD_4_1(X, X, Y, Z, W, 0) MACCORD_4_1(Y, X, Y, Z, W, 1)                                     \
  MACCORD_4_1(Z, X, Y, Z, W, 2) MACCORD_4_1(W, X, Y, Z, W, 3)

template <class T, int N>
struct vector_storage;

// A vector moves as one value; its components and swizzles are views of it.
#define MACCORD_STORAGE(n, first, second, ...)                                                    \
  template <class T>                                                                              \
  struct vector_storage<T, n> {                                                                   \
    static constexpr int N = n;                                                                   \
    struct Whole {                                                                                \
      T all[n];                                                                                   \
    };                                                                                            \
    union {                                                                                       \
      T all[n];                                                                                   \
      Whole whole;                                                                                \
      struct {                                                                                    \
        T first;                                                                                  \
      };                                                                                          \
      struct {                                                                                    \
        T second;                                                                                 \
      };                                                                                          \
      __VA_ARGS__                                                                                 \
    };                                                                                            \
    vector_storage() = default;                                                                   \
    vector_storage(const vector_storage&) = default;                                              \
    constexpr vector_storage& operator=(const vector_storage& other) {                            \
      whole = other.whole;                                                                        \
      return *this;                                                                               \
    }                                                                                             \
    template <class A, class... B>                                                                \
    constexpr explicit vector_storage(A a, B... b) : all{a, b...} {}                              \
  };
#define MACCORD_NAMES(...) __VA_ARGS__
MACCORD_STORAGE(2, MACCORD_NAMES(x, y), MACCORD_NAMES(r, g),
                MACCORD_SWIZZLES_2(x, y) MACCORD_SWIZZLES_2(r, g))
MACCORD_STORAGE(3, MACCORD_NAMES(x, y, z), MACCORD_NAMES(r, g, b),
                MACCORD_SWIZZLES_3(x, y, z) MACCORD_SWIZZLES_3(r, g, b))
MACCORD_STORAGE(4, MACCORD_NAMES(x, y, z, w), MACCORD_NAMES(r, g, b, a),
                MACCORD_SWIZZLES_4(x, y, z, w) MACCORD_SWIZZLES_4(r, g, b, a))
#undef MACCORD_STORAGE
#undef MACCORD_NAMES

// How many components the arguments of a constructor have together; 0 where one is neither a
// scalar nor a vector.
template <class... A>
constexpr int total_components() {
  return ((component_count<A>() > 0) && ...) ? (component_count<A>() + ...) : 0;
}

#define MACCORD_CONSTRUCTORS(name)                                                                \
  using vector_storage<T, N>::all;                                                                \
  name() = default;                                                                               \
  template <class S, std::enable_if_t<is_scalar_type<S> || std::is_enum_v<S>, int> = 0>           \
  constexpr name(S value) : name(static_cast<T>(value), Components{}) {}                          \
  template <class A, class B, class... C,                                                         \
            std::enable_if_t<total_components<A, B, C...>() == N, int> = 0>                       \
  constexpr name(const A& a, const B& b, const C&... c) : vector_storage<T, N>() {                \
    int next = 0;                                                                                 \
    place(next, a);                                                                               \
    place(next, b);                                                                               \
    (place(next, c), ...);                                                                        \
  }                                                                                               \
  constexpr T& operator[](size_t i) { return all[i]; }                                            \
  constexpr const T& operator[](size_t i) const { return all[i]; }                                \
                                                                                                  \
 private:                                                                                         \
  using Components = std::make_integer_sequence<int, N>;                                          \
  template <int... I>                                                                             \
  constexpr name(T value, std::integer_sequence<int, I...>)                                       \
      : vector_storage<T, N>(((void)I, value)...) {}                                              \
  template <class V, int... I>                                                                    \
  constexpr name(const V& value, std::integer_sequence<int, I...>)                                \
      : vector_storage<T, N>(static_cast<T>(value.all[I])...) {}                                  \
  template <class A>                                                                              \
  constexpr void place(int& next, const A& a) {                                                   \
    if constexpr (is_vector_value<A>) {                                                           \
      const vector_of<A>& value = a;                                                              \
      for (int i = 0; i < vector_of<A>::N; ++i) {                                                 \
        all[next++] = static_cast<T>(value.all[i]);                                               \
      }                                                                                           \
    } else {                                                                                      \
      all[next++] = static_cast<T>(a);                                                            \
    }                                                                                             \
  }                                                                                               \
                                                                                                  \
 public:

template <class T, int n>
struct alignas(sizeof(T) * (n == 3 ? 4 : n)) vec : vector_storage<T, n> {
  static constexpr int N = n;
  using value_type = T;
  MACCORD_CONSTRUCTORS(vec)

  // Another component type is converted only where the kernel says so.
  template <class V, std::enable_if_t<is_vector_value<V> && component_count<V>() == n &&
                                          !std::is_same_v<vector_of<V>, vec>, int> = 0>
  constexpr explicit vec(const V& value)
      : vec(static_cast<const vector_of<V>&>(static_cast<vector_of<V>>(value)), Components{}) {}

  template <class... A>
  static constexpr vec of(A... components) {
    return vec(Raw{}, components...);
  }

 private:
  struct Raw {};
  template <class... A>
  constexpr vec(Raw, A... components) : vector_storage<T, n>(static_cast<T>(components)...) {}
};

template <class T, int n>
struct packed_vec : vector_storage<T, n> {
  static constexpr int N = n;
  using value_type = T;
  MACCORD_CONSTRUCTORS(packed_vec)
  constexpr packed_vec(const vec<T, n>& value) : packed_vec(value, Components{}) {}
  constexpr operator vec<T, n>() const {
    vec<T, n> result{};
    result.whole = this->whole;
    return result;
  }
};
#undef MACCORD_CONSTRUCTORS

// The vector whose components are f(0), f(1), …
template <class V, class F>
constexpr V generate_vector(F f) {
  if constexpr (V::N == 2) {
    return V::of(f(0), f(1));
  } else if constexpr (V::N == 3) {
    return V::of(f(0), f(1), f(2));
  } else {
    return V::of(f(0), f(1), f(2), f(3));
  }
}

}  // namespace metal
