"""The two ways into the emulator: the drop-in for MLX's metal_kernel, and the library."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from reference.emulator import CompileError, EmulatorError, Library, metal_kernel

EXP = """
    uint elem = thread_position_in_grid.x;
    T tmp = inp[elem];
    out[elem] = metal::exp(tmp);
"""


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_the_example_of_mlx_runs(dtype) -> None:
    kernel = metal_kernel("myexp", ["inp"], ["out"], EXP)
    x = np.random.default_rng(0).normal(size=(4, 17)).astype(dtype)
    (out,) = kernel(
        inputs=[x],
        template=[("T", dtype)],
        grid=(x.size, 1, 1),
        threadgroup=(32, 1, 1),
        output_shapes=[x.shape],
        output_dtypes=[dtype],
    )
    assert out.dtype == x.dtype and out.shape == x.shape
    expected = np.exp(x.astype(np.float64))
    error = np.abs(out.astype(np.float64) - expected)
    assert (error <= 2 * float(ml_dtypes.finfo(dtype).eps) * expected).all()


def test_shape_strides_and_ndim_are_given_where_the_source_uses_them() -> None:
    source = """
        uint elem = thread_position_in_grid.x;
        out[elem] = inp[elem_to_loc(elem, inp_shape, inp_strides, inp_ndim)];
    """
    kernel = metal_kernel("strided", ["inp"], ["out"], source, ensure_row_contiguous=False)
    x = np.arange(60, dtype=np.float32).reshape(3, 4, 5).transpose(2, 0, 1)
    (out,) = kernel(
        inputs=[x],
        grid=(60, 1, 1),
        threadgroup=(32, 1, 1),
        output_shapes=[x.shape],
        output_dtypes=[np.float32],
    )
    np.testing.assert_array_equal(out, x)


def test_an_input_is_made_row_contiguous_unless_told_otherwise() -> None:
    source = "uint i = thread_position_in_grid.x; out[i] = inp[i];"
    x = np.arange(6, dtype=np.int32).reshape(2, 3).T
    call = {
        "inputs": [x],
        "grid": (6, 1, 1),
        "threadgroup": (6, 1, 1),
        "output_shapes": [(3, 2)],
        "output_dtypes": [np.int32],
    }
    (rows,) = metal_kernel("copy", ["inp"], ["out"], source)(**call)
    np.testing.assert_array_equal(rows, x)
    raw = metal_kernel("copy", ["inp"], ["out"], source, ensure_row_contiguous=False)
    np.testing.assert_array_equal(raw(**call)[0].ravel(), np.arange(6))


def test_atomic_outputs_begin_at_init_value() -> None:
    source = (
        "atomic_fetch_add_explicit(&out[inp[thread_position_in_grid.x]], 1, memory_order_relaxed);"
    )
    kernel = metal_kernel("histogram", ["inp"], ["out"], source, atomic_outputs=True)
    x = np.random.default_rng(1).integers(0, 7, 1000).astype(np.int32)
    (out,) = kernel(
        inputs=[x],
        grid=(1000, 1, 1),
        threadgroup=(256, 1, 1),
        output_shapes=[(7,)],
        output_dtypes=[np.int32],
        init_value=5,
    )
    np.testing.assert_array_equal(out, np.bincount(x, minlength=7) + 5)


def test_a_scalar_is_a_reference_and_verbose_prints_the_source(capsys) -> None:
    source = "out[thread_position_in_grid.x] = thread_position_in_grid.x * factor + N;"
    kernel = metal_kernel("scaled", ["factor"], ["out"], source)
    (out,) = kernel(
        inputs=[np.float32(0.5)],
        template=[("N", 3), ("FLAG", True)],
        grid=(5, 1, 1),
        threadgroup=(4, 1, 1),
        output_shapes=[(5,)],
        output_dtypes=[np.float32],
        verbose=True,
    )
    np.testing.assert_array_equal(out, np.arange(5) * 0.5 + 3)
    text = capsys.readouterr().out
    assert "template <int N, bool FLAG>" in text
    assert "const constant float& factor [[buffer(0)]]" in text


def test_the_header_stands_before_the_kernel() -> None:
    kernel = metal_kernel(
        "helped", [], ["out"], "out[0] = helper();", header="inline int helper() { return 42; }"
    )
    (out,) = kernel(
        inputs=[],
        grid=(1, 1, 1),
        threadgroup=(1, 1, 1),
        output_shapes=[(1,)],
        output_dtypes=[np.int32],
    )
    assert out[0] == 42


def test_a_wrong_number_of_inputs_is_told() -> None:
    kernel = metal_kernel("one", ["a"], ["out"], "out[0] = a[0];")
    with pytest.raises(EmulatorError, match=r"one has 1 inputs \(a\); it was given 0"):
        kernel(
            inputs=[],
            grid=(1, 1, 1),
            threadgroup=(1, 1, 1),
            output_shapes=[(1,)],
            output_dtypes=[np.int32],
        )


def test_an_error_names_the_line_of_the_body() -> None:
    kernel = metal_kernel("wrong", [], ["out"], "int a = 1;\nout[0] = b;")
    with pytest.raises(
        CompileError, match=r"wrong\.metal:2:.*(undeclared.*'b'|'b' was not declared)"
    ):
        kernel(
            inputs=[],
            grid=(1, 1, 1),
            threadgroup=(1, 1, 1),
            output_shapes=[(1,)],
            output_dtypes=[np.int32],
        )


LIBRARY = """
#include <metal_stdlib>
#include "scale.h"
using namespace metal;

constant int repeat [[function_constant(0)]];
constant bool negate [[function_constant(1)]];
constant int doubled = is_function_constant_defined(repeat) ? repeat * 2 : 100;

template <typename T>
[[kernel]] void scale(device const T* in [[buffer(0)]], device T* out [[buffer(1)]],
                      constant float& factor [[buffer(2)]], threadgroup T* copy [[threadgroup(0)]],
                      uint i [[thread_position_in_grid]],
                      uint local [[thread_index_in_threadgroup]]) {
  copy[local] = in[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  T value = scaled(copy[local], factor) * doubled;
  out[i] = is_function_constant_defined(negate) && negate ? -value : value;
}

#define instantiate(type) \\
  template [[host_name("scale_" #type)]] [[kernel]] void scale<type>( \\
      device const type*, device type*, constant float&, threadgroup type*, uint, uint);
instantiate(float)
instantiate(half)

kernel void sizes(device uint* out, uint group [[threadgroup_position_in_grid]],
                  uint size [[threads_per_threadgroup]], uint i [[thread_position_in_grid]]) {
  out[i] = group * 100 + size;
}
"""


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "scale.h").write_text(
        "template <typename T> T scaled(T value, float by) { return T(value * by); }"
    )
    (tmp_path / "scale.metal").write_text(LIBRARY)
    return Library.from_file(tmp_path / "scale.metal")


def test_a_library_lists_functions_instantiations_and_constants(library: Library) -> None:
    assert sorted(library.function_names) == ["scale_float", "scale_half", "sizes"]
    assert library.function_constants == {"repeat": 0, "negate": 1}


@pytest.mark.parametrize(
    ("values", "factor"),
    [({}, 100), ({"repeat": 3}, 6), ({0: 3, 1: True}, -6), ({"negate": False}, 100)],
)
def test_function_constants_are_set_by_name_or_index(library: Library, values, factor) -> None:
    x = np.arange(10, dtype=np.float32)
    out = np.zeros_like(x)
    encoder = library.new_function("scale_float", values).encoder()
    encoder.set_buffer(x, index=0)
    encoder.set_buffer(out, index=1)
    encoder.set_bytes(np.float32(0.5), index=2)
    encoder.set_threadgroup_memory_length(16 * 4, 0)
    encoder.dispatch_threadgroups((1, 1, 1), (10, 1, 1))
    np.testing.assert_array_equal(out, x * 0.5 * factor)


def test_threadgroups_at_the_edge_are_smaller(library: Library) -> None:
    pipeline = library.new_function("sizes")
    assert pipeline.thread_execution_width == 32
    assert pipeline.max_total_threads_per_threadgroup == 1024
    out = np.zeros(10, np.uint32)
    encoder = pipeline.encoder()
    encoder.set_buffer(out, index=0)
    encoder.dispatch_threads((10, 1, 1), (4, 1, 1))
    np.testing.assert_array_equal(out, [4, 4, 4, 4, 104, 104, 104, 104, 202, 202])


def test_a_buffer_is_bound_from_an_offset(library: Library) -> None:
    out = np.zeros(10, np.uint32)
    encoder = library.new_function("sizes").encoder()
    encoder.set_buffer(out, offset=8, index=0)
    encoder.dispatch_threads((4, 1, 1), (4, 1, 1))
    np.testing.assert_array_equal(out, [0, 0, 4, 4, 4, 4, 0, 0, 0, 0])


def test_what_is_not_there_is_named(library: Library) -> None:
    with pytest.raises(EmulatorError, match="no kernel 'missing'; it has sizes, scale_float"):
        library.new_function("missing")
    with pytest.raises(EmulatorError, match="no function constant 'other'"):
        library.new_function("sizes", {"other": 1}).compiled()
    with pytest.raises(EmulatorError, match=r"\[\[threadgroup\(0\)\]\] copy has no length"):
        library.new_function("scale_half").encoder().dispatch_threads((1, 1, 1), (1, 1, 1))
    with pytest.raises(EmulatorError, match="2048 threads in a threadgroup"):
        library.new_function("sizes").encoder().dispatch_threads((1, 1, 1), (2048, 1, 1))


def test_a_template_is_instantiated_by_name(library: Library) -> None:
    x = np.array([1, 2], np.int32)
    out = np.zeros_like(x)
    encoder = library.new_function("scale<int>", {"repeat": 1}).encoder()
    encoder.set_buffer(x, index=0)
    encoder.set_buffer(out, index=1)
    encoder.set_bytes(np.float32(4), index=2)
    encoder.set_threadgroup_memory_length(8, 0)
    encoder.dispatch_threads((2, 1, 1), (2, 1, 1))
    np.testing.assert_array_equal(out, [8, 16])
