// Metal's scalar types and the macros that kernels test (specification, sections 1.5.2 and 2.1).
// No header of the C library that declares functions is included here: kernels define functions of
// the same names (`log1p`, `hypot`), and unqualified calls must find Metal's.
#pragma once
#pragma GCC system_header  // Metal's literal suffixes have no underscore

#include <cstddef>
#include <cstdint>
#include <type_traits>

#define __METAL__ 1
#define __METAL_VERSION__ 310
#define __METAL_MACOS__ 1
#define __HAVE_BFLOAT__ 1

#define METAL_FUNC inline
#define METAL_CONST const
#define METAL_INTERNAL inline

// The arguments that Metal's own headers give to their built-ins; nothing here depends on them.
#define __METAL_MAYBE_FAST_MATH__ 0
#define __METAL_FAST_MATH__ 1
#define __METAL_PRECISE_MATH__ 0

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef _Float16 half;

using std::int16_t;
using std::int32_t;
using std::int64_t;
using std::int8_t;
using std::intptr_t;
using std::ptrdiff_t;
using std::size_t;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;
using std::uintptr_t;

constexpr half operator""h(long double value) {
  return static_cast<half>(static_cast<double>(value));
}
constexpr half operator""H(long double value) {
  return static_cast<half>(static_cast<double>(value));
}

namespace metal {

using ::half;
using ::uchar;
using ::uint;
using ::ulong;
using ::ushort;
using ::int16_t;
using ::int32_t;
using ::int64_t;
using ::int8_t;
using ::ptrdiff_t;
using ::size_t;
using ::uint16_t;
using ::uint32_t;
using ::uint64_t;
using ::uint8_t;

}  // namespace metal
