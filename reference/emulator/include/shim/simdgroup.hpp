// Functions of a simdgroup and of a quadgroup (specification, sections 6.9.2 and 6.9.3).
//
// The lanes that take part are those that meet at the call. A value of a lane that does not take
// part is undefined in Metal; here it is the last one that it deposited, and the checker is told.
// Sums and products add up in a tree, each step rounded to the type.
#pragma once
#pragma GCC system_header

#include "../../runtime/contract.hpp"
#include "math.hpp"
#include "traits.hpp"

#define MACCORD_UNCHECKED __attribute__((no_sanitize("thread")))

namespace metal {

// ---- the values that may be exchanged -----------------------------------------------------------

// Components of up to 32 bits, as in Metal; a bool is promoted to int.
template <class A, class = void>
struct exchanged {};
template <class A>
struct exchanged<A, std::enable_if_t<is_scalar_type<A> && sizeof(A) <= 4>> {
  using type = std::conditional_t<std::is_same_v<A, bool>, int, A>;
  using component = type;
};
template <class A>
struct exchanged<A, std::enable_if_t<is_vector_value<A> && sizeof(component_of<A>) <= 4>> {
  using type = vector_of<A>;
  using component = component_of<A>;
};
template <class A>
using exchanged_t = typename exchanged<A>::type;

template <class V>
using component_or_self = typename exchanged<V>::component;

// The trivially copyable form of a value, which the runtime carries from lane to lane.
template <class T>
constexpr auto carried(const T& value) {
  if constexpr (is_vector_value<T>) {
    return value.whole;
  } else {
    return value;
  }
}
template <class T>
using Carried = decltype(carried(std::declval<T>()));

template <class T>
MACCORD_UNCHECKED inline T brought(const Carried<T>& value) {
  if constexpr (is_vector_value<T>) {
    T result;
    result.whole = value;
    return result;
  } else {
    return value;
  }
}

// ---- groups: how many lanes, and which of the simdgroup's they are ------------------------------

struct SimdWhole {
  static constexpr uint size = metal_emulator::simd_width;
  static constexpr const char* prefix = "simd_";
  static uint first() { return 0; }
};
struct SimdQuad {
  static constexpr uint size = 4;
  static uint first() { return metal_emulator::current().thread_index_in_simdgroup & ~3u; }
};

// What the lanes of a group see of each other after they met.
template <class G, class T>
struct SimdLanes {
  const Carried<T>* values;
  uint active;  // bit i: lane i of the group
  uint me;      // within the group

  MACCORD_UNCHECKED explicit SimdLanes(const T& mine) {
    uint32_t simdgroup_active = 0;
    const Carried<T> own = carried(mine);
    values = metal_emulator::exchange(own, simdgroup_active) + G::first();
    active = simdgroup_active >> G::first();
    if (G::size < 32) active &= (1u << G::size) - 1u;
    me = metal_emulator::current().thread_index_in_simdgroup - G::first();
  }

  bool takes_part(uint lane) const { return lane < G::size && ((active >> lane) & 1u); }

  // The value of a lane that the kernel asks for by its number.
  MACCORD_UNCHECKED T of(uint lane, const char* function) const {
    if (!takes_part(lane)) metal_emulator::inactive_lane(function, lane);
    return brought<T>(values[lane & (G::size - 1)]);
  }
};

// ---- reductions ---------------------------------------------------------------------------------

struct SimdSum {
  template <class T>
  static T apply(const T& a, const T& b) {
    return static_cast<T>(a + b);
  }
  template <class T>
  static T identity() {
    return T(0);
  }
};
struct SimdProduct {
  template <class T>
  static T apply(const T& a, const T& b) {
    return static_cast<T>(a * b);
  }
  template <class T>
  static T identity() {
    return T(1);
  }
};
struct SimdMinimum {
  template <class T>
  static T apply(const T& a, const T& b) {
    return static_cast<T>(min(a, b));
  }
};
struct SimdMaximum {
  template <class T>
  static T apply(const T& a, const T& b) {
    return static_cast<T>(max(a, b));
  }
};
#define MACCORD_BITWISE(Name, op)                                                                 \
  struct Name {                                                                                   \
    template <class T>                                                                            \
    static T apply(const T& a, const T& b) {                                                      \
      return static_cast<T>(a op b);                                                              \
    }                                                                                             \
  };
MACCORD_BITWISE(And, &)
MACCORD_BITWISE(Or, |)
MACCORD_BITWISE(Xor, ^)
#undef MACCORD_BITWISE

// Halves the number of values until one is left: lane i takes up lane i + half.
template <class Op, class T>
MACCORD_UNCHECKED inline T reduce_as_tree(const Carried<T>* values, uint active, uint size) {
  T left[metal_emulator::simd_width];
  uint count = 0;
  for (uint lane = 0; lane < size; ++lane) {
    if ((active >> lane) & 1u) left[count++] = brought<T>(values[lane]);
  }
  while (count > 1) {
    const uint half_count = (count + 1) / 2;
    for (uint i = 0; i < count / 2; ++i) {
      left[i] = Op::template apply<T>(left[i], left[i + half_count]);
    }
    count = half_count;
  }
  return left[0];
}

template <class Op, class T>
struct TreeOfSimdgroup {
  MACCORD_UNCHECKED Carried<T> operator()(const Carried<T>* values, uint32_t active) const {
    return carried(reduce_as_tree<Op, T>(values, active, metal_emulator::simd_width));
  }
};

template <class G, class Op, class T>
MACCORD_UNCHECKED inline T reduce_lanes(const T& mine) {
  if constexpr (G::size == metal_emulator::simd_width) {
    const Carried<T> own = carried(mine);
    return brought<T>(metal_emulator::collect<Carried<T>>(own, TreeOfSimdgroup<Op, T>{}));
  } else {
    const SimdLanes<G, T> lanes(mine);
    return reduce_as_tree<Op, T>(lanes.values, lanes.active, G::size);
  }
}

// The lanes before this one in their order, then this one if `inclusive`.
template <class G, class Op, bool inclusive, class T>
MACCORD_UNCHECKED inline T scan_lanes(const T& mine) {
  const SimdLanes<G, T> lanes(mine);
  T result = Op::template identity<T>();
  for (uint lane = 0; lane < lanes.me; ++lane) {
    if (lanes.takes_part(lane)) {
      result = Op::template apply<T>(result, brought<T>(lanes.values[lane]));
    }
  }
  return inclusive ? Op::template apply<T>(result, mine) : result;
}

// ---- the functions, for simdgroups and for quadgroups -------------------------------------------

#define MACCORD_REDUCTION(prefix, G, name, Op)                                                    \
  template <class A, class T = exchanged_t<A>>                                                    \
  inline T prefix##name(const A& data) {                                                          \
    return reduce_lanes<G, Op, T>(data);                                                          \
  }
#define MACCORD_BIT_REDUCTION(prefix, G, name, Op)                                                \
  template <class A, class T = exchanged_t<A>,                                                    \
            std::enable_if_t<std::is_integral_v<component_or_self<T>>, int> = 0>                  \
  inline T prefix##name(const A& data) {                                                          \
    return reduce_lanes<G, Op, T>(data);                                                          \
  }
#define MACCORD_SCAN(prefix, G, name, Op, inclusive)                                              \
  template <class A, class T = exchanged_t<A>>                                                    \
  inline T prefix##name(const A& data) {                                                          \
    return scan_lanes<G, Op, inclusive, T>(data);                                                 \
  }
// A function that takes the value of lane `source`, or, where that lies outside, its own.
#define MACCORD_SHUFFLE(prefix, G, name, argument, source, outside)                               \
  template <class A, class T = exchanged_t<A>>                                                    \
  MACCORD_UNCHECKED inline T prefix##name(const A& data, ushort argument) {                       \
    const T mine(data);                                                                           \
    const SimdLanes<G, T> lanes(mine);                                                            \
    const int me = static_cast<int>(lanes.me), size = G::size;                                    \
    const int n = argument, from = source;                                                        \
    (void)me, (void)size, (void)n;                                                                \
    if (outside) return mine;                                                                     \
    return lanes.of(static_cast<uint>(from), #prefix #name);                                      \
  }
// SimdLanes whose source lies outside of their part of `modulo` lanes take it from `filling_data`.
#define MACCORD_FILL(prefix, G, name, sign)                                                       \
  template <class A, class B, class T = exchanged_t<A>>                                           \
  MACCORD_UNCHECKED inline T prefix##name(const A& data, const B& filling_data, ushort delta,     \
                                          ushort modulo = G::size) {                              \
    const T mine(data), filling(filling_data);                                                    \
    const SimdLanes<G, T> lanes(mine);                                                            \
    const uint me = lanes.me;                                                                     \
    const int size = modulo, within = static_cast<int>(me) % size;                                \
    const int part = static_cast<int>(me) - within;                                               \
    const int from = within sign delta;                                                           \
    T result = filling;                                                                           \
    const bool inside = from >= 0 && from < size;                                                 \
    if (inside) result = lanes.of(static_cast<uint>(part + from), #prefix #name);                 \
    const SimdLanes<G, T> fillings(filling);                                                      \
    if (inside) return result;                                                                    \
    const int wrapped = ((from % size) + size) % size;                                            \
    return fillings.of(static_cast<uint>(part + wrapped), #prefix #name);                         \
  }

#define MACCORD_GROUP(prefix, G)                                                                  \
  MACCORD_REDUCTION(prefix, G, sum, SimdSum)                                                      \
  MACCORD_REDUCTION(prefix, G, product, SimdProduct)                                              \
  MACCORD_REDUCTION(prefix, G, min, SimdMinimum)                                                  \
  MACCORD_REDUCTION(prefix, G, max, SimdMaximum)                                                  \
  MACCORD_BIT_REDUCTION(prefix, G, and, And)                                                      \
  MACCORD_BIT_REDUCTION(prefix, G, or, Or)                                                        \
  MACCORD_BIT_REDUCTION(prefix, G, xor, Xor)                                                      \
  MACCORD_SCAN(prefix, G, prefix_inclusive_sum, SimdSum, true)                                    \
  MACCORD_SCAN(prefix, G, prefix_exclusive_sum, SimdSum, false)                                   \
  MACCORD_SCAN(prefix, G, prefix_inclusive_product, SimdProduct, true)                            \
  MACCORD_SCAN(prefix, G, prefix_exclusive_product, SimdProduct, false)                           \
  MACCORD_SHUFFLE(prefix, G, broadcast, lane_id, n, false)                                        \
  MACCORD_SHUFFLE(prefix, G, shuffle, lane_id, n, false)                                          \
  MACCORD_SHUFFLE(prefix, G, shuffle_xor, mask, me ^ n, false)                                    \
  MACCORD_SHUFFLE(prefix, G, shuffle_up, delta, me - n, from < 0)                                 \
  MACCORD_SHUFFLE(prefix, G, shuffle_down, delta, me + n, from >= size)                           \
  MACCORD_SHUFFLE(prefix, G, shuffle_rotate_up, delta, (me - n % size + size) % size, false)      \
  MACCORD_SHUFFLE(prefix, G, shuffle_rotate_down, delta, (me + n) % size, false)                  \
  MACCORD_FILL(prefix, G, shuffle_and_fill_up, -)                                                 \
  MACCORD_FILL(prefix, G, shuffle_and_fill_down, +)                                               \
  template <class A, class T = exchanged_t<A>>                                                    \
  MACCORD_UNCHECKED inline T prefix##broadcast_first(const A& data) {                             \
    const T mine(data);                                                                           \
    const SimdLanes<G, T> lanes(mine);                                                            \
    return brought<T>(lanes.values[__builtin_ctz(lanes.active)]);                                 \
  }
MACCORD_GROUP(simd_, SimdWhole)
MACCORD_GROUP(quad_, SimdQuad)
#undef MACCORD_GROUP
#undef MACCORD_FILL
#undef MACCORD_SHUFFLE
#undef MACCORD_SCAN
#undef MACCORD_BIT_REDUCTION
#undef MACCORD_REDUCTION

// ---- votes --------------------------------------------------------------------------------------

// One bit for each lane; all() asks for the bits of all lanes of the group.
template <class G>
class group_vote {
 public:
  using vote_t = ulong;
  explicit constexpr group_vote(vote_t vote = 0) : vote_(vote) {}
  explicit constexpr operator vote_t() const { return vote_; }
  constexpr bool all() const { return vote_ == mask; }
  constexpr bool any() const { return vote_ != 0; }
  constexpr bool operator==(group_vote other) const { return vote_ == other.vote_; }
  constexpr bool operator!=(group_vote other) const { return vote_ != other.vote_; }
  constexpr group_vote operator&(group_vote other) const { return group_vote(vote_ & other.vote_); }
  constexpr group_vote operator|(group_vote other) const { return group_vote(vote_ | other.vote_); }
  constexpr group_vote operator^(group_vote other) const { return group_vote(vote_ ^ other.vote_); }
  constexpr group_vote operator~() const { return group_vote(~vote_ & mask); }

 private:
  static constexpr vote_t mask = (vote_t(1) << G::size) - 1;
  vote_t vote_;
};
using simd_vote = group_vote<SimdWhole>;
using quad_vote = group_vote<SimdQuad>;

template <class G>
struct SimdVotes {
  uint yes = 0, active = 0;
  MACCORD_UNCHECKED explicit SimdVotes(bool mine) {
    const SimdLanes<G, uchar> lanes(static_cast<uchar>(mine));
    active = lanes.active;
    for (uint lane = 0; lane < G::size; ++lane) {
      if (lanes.takes_part(lane) && lanes.values[lane]) yes |= 1u << lane;
    }
  }
};

#define MACCORD_VOTES(prefix, G)                                                                  \
  inline prefix##vote prefix##ballot(bool expression) {                                           \
    return prefix##vote(SimdVotes<G>(expression).yes);                                            \
  }                                                                                               \
  inline prefix##vote prefix##active_threads_mask() {                                             \
    return prefix##vote(SimdVotes<G>(true).active);                                               \
  }                                                                                               \
  inline bool prefix##all(bool expression) {                                                      \
    const SimdVotes<G> votes(expression);                                                         \
    return votes.yes == votes.active;                                                             \
  }                                                                                               \
  inline bool prefix##any(bool expression) { return SimdVotes<G>(expression).yes != 0; }          \
  inline bool prefix##is_first() {                                                                \
    const SimdLanes<G, uchar> lanes(uchar(0));                                                    \
    return static_cast<uint>(__builtin_ctz(lanes.active)) == lanes.me;                            \
  }                                                                                               \
  inline bool prefix##is_helper_thread() { return false; }
MACCORD_VOTES(simd_, SimdWhole)
MACCORD_VOTES(quad_, SimdQuad)
#undef MACCORD_VOTES

}  // namespace metal
