"""What the translator makes of declarations that C++ would refuse or take for another thing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reference.emulator import CompileError, Library
from reference.emulator.translate.translator import translate

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"
PLAIN = "kernel void k(device {type}* out [[buffer(0)]], uint i [[thread_position_in_grid]])"


def run(source: str, count: int = 1, dtype: type = np.int32, threads: int = 0) -> np.ndarray:
    library = Library(HEAD + source, name="test.metal")
    out = np.zeros(count, dtype)
    encoder = library.new_function("k").encoder()
    encoder.set_buffer(out, index=0)
    encoder.dispatch_threads((threads or count, 1, 1), (min(threads or count, 256), 1, 1))
    return out


@pytest.mark.parametrize(
    ("helpers", "body", "expected"),
    [
        pytest.param(
            "int first(device const int* p) { return p[0]; }\n"
            "int first(threadgroup const int* p) { return p[0]; }\n"
            "int first(thread const int* p) { return p[0]; }",
            "int a[1] = {7}; out[i] = first(a);",
            7,
            id="overloads that differ only in address space",
        ),
        pytest.param(
            "struct S { int v;\n S(int x) thread : v(x) {}\n S(int x) threadgroup : v(x) {}\n"
            " int get() const thread { return v; }\n int get() const device { return v; } };",
            "S s(5); out[i] = s.get();",
            5,
            id="members that differ only in address space",
        ),
        pytest.param(
            "constant int table[3] = {1, 2, 4};\nint at(constant int& value) { return value; }",
            "out[i] = at(table[2]) + at(table[1]);",
            6,
            id="constant arrays and references",
        ),
        pytest.param(
            "static constant constexpr const int n = 3;\nconstexpr constant int m = n + 1;",
            "int a[m]; for (int j = 0; j < m; ++j) a[j] = n; out[i] = a[0] + a[m - 1];",
            6,
            id="runs of specifiers",
        ),
        pytest.param(
            "struct Op { template <typename T> T operator()(T x) { return x; }\n"
            " template <> int operator()(int x) { return x + 1; } };",
            "Op op; out[i] = op(1) + int(op(1.0f));",
            3,
            id="a specialisation in a class",
        ),
        pytest.param(
            "template <typename T, enable_if_t<(sizeof(T) < 8), bool> = true>\n"
            "int small(T) { return 1; }\n"
            "template <typename T, enable_if_t<sizeof(T) >= 8, bool> = true>\n"
            "int small(T) { return 0; }",
            "out[i] = small(int(1)) * 10 + small(long(1));",
            10,
            id="comparisons in template headers",
        ),
        pytest.param(
            "#define SPACE device\n#define NAME(x) x##_value\n"
            "int NAME(f)(SPACE int* p) { return p[0]; }",
            "out[i] = 3; out[i] += f_value(out);",
            6,
            id="address spaces in macros",
        ),
        pytest.param(
            "",
            "float a = 1 / 3.0; out[i] = (a == 1 / 3.0f) && sizeof(0.5) == 4 && sizeof(1.0h) == 2;",
            1,
            id="literals are float without a suffix and half with h",
        ),
        pytest.param(
            "",
            "#pragma clang loop unroll(full)\n for (int j = 0; j < 3; ++j) out[i] += j;",
            3,
            id="pragmas",
        ),
        pytest.param(
            "namespace inner { template <int N> struct Twice { static constant constexpr int value"
            " = N * 2; }; }",
            "[[maybe_unused]] int x = 1; out[i] = inner::Twice<4>::value;",
            8,
            id="attributes in a body",
        ),
    ],
)
def test_a_construct_runs(helpers: str, body: str, expected: int) -> None:
    source = f"{helpers}\n{PLAIN.format(type='int')} {{\n{body}\n}}\n"
    assert run(source)[0] == expected


def test_threadgroup_variables_are_one_for_the_threadgroup() -> None:
    source = """
        template <typename T, int N>
        void fill(threadgroup T* p, uint i) { p[N - 1 - i] = T(i); }
        kernel void k(device int* out [[buffer(0)]], uint i [[thread_index_in_threadgroup]]) {
          threadgroup int a[2][64], single;
          threadgroup int* pointer = a[1];
          fill<int, 64>(pointer, i);
          if (i == 0) single = 1000;
          threadgroup_barrier(mem_flags::mem_threadgroup);
          out[i] = a[1][i] + single;
        }
    """
    np.testing.assert_array_equal(run(source, 64), 1063 - np.arange(64))


def test_positions_take_any_unsigned_type() -> None:
    source = """
        kernel void k(device int* out, ushort2 at [[thread_position_in_grid]],
                      uint3 size [[threads_per_grid]], ushort lane [[thread_index_in_simdgroup]]) {
          out[at.x] = at.x + at.y + size.x * 1000 + lane * 100000;
        }
    """
    found = run(source, 40)
    i = np.arange(40)
    np.testing.assert_array_equal(found, i + 40000 + i % 32 * 100000)


def test_a_kernel_in_a_namespace_is_instantiated() -> None:
    source = """
        namespace deep {
        template <typename T, int N>
        [[kernel]] void f(device T* out, uint i [[thread_position_in_grid]]) {
          out[i] = N;
        }
        template [[host_name("k")]] [[kernel]] decltype(f<int, 12>) f<int, 12>;
        }
    """
    assert run(source)[0] == 12


def test_lines_stay_where_they_were() -> None:
    source = HEAD + (
        "template <typename T>\nT id(T x) { return x; }\n#define BIG \\\n  one\n\n"
        "kernel void k(device int* out) {\n  threadgroup int a[4];\n"
        "  out[0] = id(a[0]) + oops;\n}\n"
    )
    library = Library(source, name="lines.metal")
    with pytest.raises(CompileError, match=r"lines\.metal:10:.*oops"):
        library.new_function("k").compiled()


def test_parameters_are_bound_as_they_say() -> None:
    text = (
        "kernel void k(device float* a [[buffer(3)]], constant int& b, const device half* c,"
        " threadgroup float* t [[threadgroup(1)]], constant const int64_t strides[2],"
        " uint3 p [[threadgroup_position_in_grid]]) {}"
    )
    found = translate(text, "k.metal").kernels["k"].parameters
    assert [(p.name, p.kind, p.index, p.writable) for p in found] == [
        ("a", "buffer", 3, True),
        ("b", "buffer", 0, False),
        ("c", "buffer", 1, False),
        ("t", "threadgroup", 1, True),
        ("strides", "buffer", 2, False),
        ("p", "position", 0, False),
    ]


def test_an_include_that_changed_is_translated_again(tmp_path) -> None:
    header = tmp_path / "value.h"
    source = HEAD + '#include "value.h"\nkernel void k(device int* out) { out[0] = VALUE; }'
    for value in (1, 2):
        header.write_text(f"#define VALUE {value}\n")
        library = Library(source, name="changed.metal", include_folders=[tmp_path])
        out = np.zeros(1, np.int32)
        encoder = library.new_function("k").encoder()
        encoder.set_buffer(out, index=0)
        encoder.dispatch_threads((1, 1, 1), (1, 1, 1))
        assert out[0] == value


def test_arguments_of_attributes_may_be_sums_of_literals() -> None:
    source = (
        "constant int value [[function_constant(700 + 2u)]];\n"
        "kernel void k(device int* out [[buffer((1 << 2) - 1)]]) { out[0] = value; }"
    )
    library = Library(HEAD + source)
    assert library.function_constants == {"value": 702}
    pipeline = library.new_function("k", {702: 5})
    assert [p.index for p in pipeline.parameters] == [3]
    with pytest.raises(CompileError, match=r"line.metal:3: \[\[buffer\(n\)\]\], not an integer"):
        Library(HEAD + "kernel void k(device int* out [[buffer(n)]]) {}", name="line.metal")


def test_the_same_line_of_two_files_is_two_places(tmp_path: Path) -> None:
    """Lanes that meet at line 3 of a header do not meet those at line 3 of the source."""
    (tmp_path / "sum.h").write_text("\n\ninline int sum(int x) { return metal::simd_sum(x); }\n")
    source = HEAD + (
        "kernel void k(device int* out [[buffer(0)]], uint i [[thread_position_in_grid]]) {"
        " if (i < 8) out[i] = sum(1); else out[i] = simd_sum(1); }"
    )
    source = source.replace("using", '#include "sum.h"\nusing', 1).replace("\nkernel", " kernel", 1)
    assert source.splitlines()[2].startswith("using namespace metal; kernel")
    library = Library(source, include_folders=[tmp_path])
    out = np.zeros(32, np.int32)
    encoder = library.new_function("k").encoder()
    encoder.set_buffer(out, index=0)
    encoder.dispatch_threads((32, 1, 1), (32, 1, 1))
    np.testing.assert_array_equal(out, [8] * 8 + [24] * 24)
