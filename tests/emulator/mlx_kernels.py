"""MLX's own kernel headers, run through the emulator and compared with MLX's CPU backend.

`python tests/emulator/mlx_kernels.py` prints the table of docs/emulator.md: MLX must be installed.
Each case names a header, the kernel in it, and the same operation of `mlx.core` on random arrays.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from reference.emulator import CheckError, Library
from reference.emulator.errors import EmulatorError
from reference.metal.launch import to_mlx

KERNELS = "mlx/backend/metal/kernels/"
# Headers that MLX includes ahead of each one when it compiles it.
PRELUDES = {
    "reduce": ("atomic", "reduction/ops"),
    "scan": ("atomic", "reduction/ops", "binary_ops"),
    "gemv": ("steel/utils",),
    "quantized": ("steel/gemm/gemm", "quantized_utils"),
    "unary": ("unary_ops",),
    "binary": ("binary_ops",),
}
METAL_TYPES = {"float32": "float", "float16": "half", "bfloat16": "bfloat16_t", "int32": "int"}
FLOATS = ("float32", "float16", "bfloat16")
UNIT_ROUNDOFF = {"float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8, "int32": 0.0}


def include_folder() -> Path | None:
    """Where MLX keeps its headers, if it is installed."""
    found = importlib.util.find_spec("mlx")
    for location in (found.submodule_search_locations or []) if found is not None else []:
        if (folder := Path(location) / "include").joinpath(KERNELS, "utils.h").is_file():
            return folder
    return None


@functools.cache
def library(header: str) -> Library:
    names = ("utils", *PRELUDES.get(header, ()), header)
    source = "".join(f'#include "{KERNELS}{name}.h"\n' for name in names)
    folder = include_folder()
    assert folder is not None
    return Library(source, name=f"{header}.metal", include_folders=[folder])


def run(
    header: str,
    function: str,
    arguments: Mapping[str, Any],
    groups: tuple[int, int, int],
    threads: tuple[int, int, int],
    constants: Mapping[str | int, Any] | None = None,
    check: str | None = None,
) -> None:
    """Binds `arguments` to the kernel's parameters by name and dispatches whole threadgroups."""
    pipeline = library(header).new_function(function, constants)
    encoder = pipeline.encoder(check=check)
    for parameter in pipeline.parameters:
        if parameter.kind == "buffer" and parameter.name in arguments:
            value = arguments[parameter.name]
            if isinstance(value, np.ndarray) and value.ndim > 0:
                encoder.set_buffer(value, index=parameter.index)
            else:
                encoder.set_bytes(value, parameter.index)
    encoder.dispatch_threadgroups(groups, threads)


def dtype_of(name: str) -> np.dtype[Any]:
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def from_mlx(array: Any) -> np.ndarray[Any, Any]:
    import mlx.core as mx

    return np.array(array.astype(mx.float32) if array.dtype == mx.bfloat16 else array)


@dataclass(frozen=True)
class Case:
    """`call(rng, dtype, check)` returns what the emulator and what MLX computed, and the number of
    terms that were summed for one output element."""

    header: str
    kernel: str
    dtypes: Sequence[str]
    call: Callable[[np.random.Generator, str, str | None], tuple[Any, Any, int]]


CASES: list[Case] = []


def case(header: str, kernel: str, dtypes: Sequence[str] = FLOATS) -> Callable[[Any], Any]:
    def add(call: Any) -> Any:
        CASES.append(Case(header, kernel, dtypes, call))
        return call

    return add


def _softmax(
    rng: np.random.Generator, dtype: str, check: str | None, kernel: str, size: int, threads: int
) -> tuple[Any, Any, int]:
    import mlx.core as mx

    rows = int(rng.integers(1, 6))
    x = rng.normal(size=(rows, size)).astype(dtype_of(dtype))
    out = np.zeros_like(x)
    kind = f"{kernel}<{METAL_TYPES[dtype]}, float, 4>"
    arguments = {"in": x, "out": out, "axis_size": np.int32(size)}
    run("softmax", kind, arguments, (rows, 1, 1), (threads, 1, 1), check=check)
    return out, from_mlx(mx.softmax(to_mlx(x), axis=-1, precise=True)), size


@case("softmax", "softmax_single_row")
def softmax_single_row(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    size = int(rng.integers(1, 400))
    threads = (size + 127) // 128 * 32
    return _softmax(rng, dtype, check, "softmax_single_row", size, threads)


@case("softmax", "softmax_looped")
def softmax_looped(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    return _softmax(rng, dtype, check, "softmax_looped", int(rng.integers(4097, 5000)), 1024)


@case("logsumexp", "logsumexp")
def logsumexp(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    import mlx.core as mx

    rows, size = int(rng.integers(1, 6)), int(rng.integers(1, 400))
    x = rng.normal(size=(rows, size)).astype(dtype_of(dtype))
    out = np.zeros(rows, x.dtype)
    arguments = {"in": x, "out": out, "axis_size": np.int32(size)}
    kind = f"logsumexp<{METAL_TYPES[dtype]}>"
    threads = (size + 127) // 128 * 32
    run("logsumexp", kind, arguments, (rows, 1, 1), (threads, 1, 1), check=check)
    return out, from_mlx(mx.logsumexp(to_mlx(x), axis=-1)), size


@case("sdpa_vector", "sdpa_vector")
def sdpa_vector(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    import mlx.core as mx

    kv_heads, gqa, size = int(rng.integers(1, 3)), int(rng.integers(1, 4)), 64
    keys_count = int(rng.integers(1, 100))
    kind = dtype_of(dtype)
    q = rng.normal(size=(1, kv_heads * gqa, 1, size)).astype(kind)
    k = rng.normal(size=(1, kv_heads, keys_count, size)).astype(kind)
    v = rng.normal(size=(1, kv_heads, keys_count, size)).astype(kind)
    out = np.zeros_like(q)
    scale = size**-0.5
    arguments = {
        "queries": q,
        "keys": k,
        "values": v,
        "out": out,
        "gqa_factor": np.int32(gqa),
        "N": np.int32(keys_count),
        "k_head_stride": np.uint64(keys_count * size),
        "k_seq_stride": np.uint64(size),
        "v_head_stride": np.uint64(keys_count * size),
        "v_seq_stride": np.uint64(size),
        "scale": np.float32(scale),
    }
    names = ("has_mask", "query_transposed", "do_causal", "bool_mask", "float_mask", "has_sinks")
    constants: dict[str | int, Any] = dict.fromkeys(names, False)
    function = f"sdpa_vector<{METAL_TYPES[dtype]}, {size}>"
    groups = (kv_heads * gqa, 1, 1)
    run("sdpa_vector", function, arguments, groups, (1024, 1, 1), constants, check)
    expected = mx.fast.scaled_dot_product_attention(*map(to_mlx, (q, k, v)), scale=scale)
    return out, from_mlx(expected), keys_count


@case("reduce", "all_reduce", ("float32", "int32"))
def all_reduce(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    import mlx.core as mx

    size = int(rng.integers(1, 3000))
    x = (rng.normal(size=size) * 10).astype(dtype_of(dtype))
    out = np.zeros(1, x.dtype)
    kind = METAL_TYPES[dtype]
    arguments = {"in": x, "out": out, "in_size": np.uint64(size), "row_size": np.uint64(size)}
    function = f"all_reduce<{kind}, {kind}, Sum<{kind}>>"
    run("reduce", function, arguments, (1, 1, 1), (256, 1, 1), check=check)
    return out, from_mlx(mx.sum(to_mlx(x)))[None], size


@case("reduce", "row_reduce_simple", ("float32", "int32"))
def row_reduce_simple(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    import mlx.core as mx

    rows, size = int(rng.integers(4, 12)), int(rng.integers(33, 900))
    x = (rng.normal(size=(rows, size)) * 10).astype(dtype_of(dtype))
    out = np.zeros(rows, x.dtype)
    kind = METAL_TYPES[dtype]
    arguments = {
        "in": x,
        "out": out,
        "reduction_size": np.uint64(size),
        "out_size": np.int64(rows),
    }
    function = f"row_reduce_simple<{kind}, {kind}, Max<{kind}>>"
    groups = (1, (rows + 3) // 4, 1)
    run("reduce", function, arguments, groups, (256, 1, 1), check=check)
    return out, from_mlx(mx.max(to_mlx(x), axis=1)), 1


@case("scan", "contiguous_scan", ("float32", "int32"))
def contiguous_scan(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    import mlx.core as mx

    rows, size = int(rng.integers(1, 5)), int(rng.integers(1, 2000))
    x = (rng.normal(size=(rows, size)) * 10).astype(dtype_of(dtype))
    out = np.zeros_like(x)
    kind = METAL_TYPES[dtype]
    reverse, inclusive = bool(rng.integers(2)), bool(rng.integers(2))
    flags = f"{str(inclusive).lower()}, {str(reverse).lower()}"
    function = f"contiguous_scan<{kind}, {kind}, CumSum<{kind}>, 4, {flags}>"
    arguments = {"in": x, "out": out, "axis_size": np.uint64(size)}
    run("scan", function, arguments, (1, rows, 1), (256, 1, 1), check=check)
    expected = mx.cumsum(to_mlx(x), axis=1, reverse=reverse, inclusive=inclusive)
    return out, from_mlx(expected), size


@case("sort", "block_sort", ("float32", "float16", "bfloat16", "int32"))
def block_sort(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    import mlx.core as mx

    rows, size = int(rng.integers(1, 5)), int(rng.integers(1, 512))
    x = (rng.normal(size=(rows, size)) * 100).astype(dtype_of(dtype))
    out = np.zeros_like(x)
    kind = METAL_TYPES[dtype]
    one, segment = np.int32(1), np.int32(size)
    arguments = {
        "inp": x,
        "out": out,
        "size_sorted_axis": segment,
        "in_stride_sorted_axis": one,
        "out_stride_sorted_axis": one,
        "in_stride_segment_axis": segment,
        "out_stride_segment_axis": segment,
    }
    function = f"block_sort<{kind}, {kind}, false, 128, 4>"
    run("sort", function, arguments, (1, rows, 1), (128, 1, 1), check=check)
    return out, from_mlx(mx.sort(to_mlx(x), axis=1)), 0


@case("gemv", "gemv")
def gemv(rng: np.random.Generator, dtype: str, check: str | None) -> Any:

    rows, columns = int(rng.integers(4, 40)), int(rng.integers(1, 300))  # MLX: rows >= TM
    matrix = rng.normal(size=(rows, columns)).astype(dtype_of(dtype))
    vector = rng.normal(size=columns).astype(matrix.dtype)
    out = np.zeros(rows, matrix.dtype)
    zero = np.zeros(1, np.int64)
    arguments = {
        "mat": matrix,
        "in_vec": vector,
        "out_vec": out,
        "in_vec_size": np.int32(columns),
        "out_vec_size": np.int32(rows),
        "marix_ld": np.int32(columns),
        "alpha": np.float32(1),
        "beta": np.float32(0),
        "batch_ndim": np.int32(1),
        "batch_shape": np.ones(1, np.int32),
        "vector_batch_stride": zero,
        "matrix_batch_stride": zero,
        "bias_batch_stride": zero,
        "bias_stride": np.int32(0),
    }
    function = f"gemv<{METAL_TYPES[dtype]}, 4, 1, 1, 32, 4, 4, false, false>"
    groups = ((rows + 15) // 16, 1, 1)
    run("gemv", function, arguments, groups, (32, 1, 4), check=check)
    return out, from_mlx(to_mlx(matrix) @ to_mlx(vector)), columns


@case("quantized", "affine_qmv")
def affine_qmv(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    import mlx.core as mx

    bits, group = int(rng.choice([2, 4, 8])), int(rng.choice([32, 64]))
    rows, columns = 8 * int(rng.integers(1, 6)), group * int(rng.integers(1, 9))
    weight = to_mlx(rng.normal(size=(rows, columns)).astype(dtype_of(dtype)))
    w, scales, biases = mx.quantize(weight, group_size=group, bits=bits)
    x = rng.normal(size=(1, columns)).astype(dtype_of(dtype))
    out = np.zeros((1, rows), x.dtype)
    kind = dtype_of(dtype)
    arguments = {
        "w": np.array(w),
        "scales": from_mlx(scales).astype(kind),
        "biases": from_mlx(biases).astype(kind),
        "x": x,
        "y": out,
        "in_vec_size": np.int32(columns),
        "out_vec_size": np.int32(rows),
    }
    function = f"affine_qmv<{METAL_TYPES[dtype]}, {group}, {bits}, false>"
    run("quantized", function, arguments, (1, rows // 8, 1), (32, 2, 1), check=check)
    # In float32: MLX's CPU backend sums in the arrays' dtype, the kernel in float32.
    wide = [array.astype(mx.float32) for array in (to_mlx(x), scales, biases)]
    expected = mx.quantized_matmul(wide[0], w, wide[1], wide[2], True, group, bits)
    return out, from_mlx(expected), columns


@case("quantized", "affine_qmm_t", ("float32", "float16"))
def affine_qmm_t(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    """A matrix of 8x8 simdgroup matrices, rows at the edge included."""
    import mlx.core as mx

    tokens, rows, columns = int(rng.integers(1, 70)), 32 * int(rng.integers(1, 3)), 128
    kind = dtype_of(dtype)
    weight = to_mlx(rng.normal(size=(rows, columns)).astype(kind))
    w, scales, biases = mx.quantize(weight, group_size=64, bits=4)
    x = rng.normal(size=(tokens, columns)).astype(kind)
    out = np.zeros((tokens, rows), kind)
    arguments = {
        "w": np.array(w),
        "scales": from_mlx(scales).astype(kind),
        "biases": from_mlx(biases).astype(kind),
        "x": x,
        "y": out,
        "K": np.int32(columns),
        "N": np.int32(rows),
        "M": np.int32(tokens),
    }
    function = f"affine_qmm_t<{METAL_TYPES[dtype]}, 64, 4, true, false>"
    groups = (rows // 32, (tokens + 31) // 32, 1)
    run("quantized", function, arguments, groups, (32, 2, 2), check=check)
    wide = [array.astype(mx.float32) for array in (to_mlx(x), scales, biases)]
    expected = mx.quantized_matmul(wide[0], w, wide[1], wide[2], True, 64, 4)
    # The kernel rounds each dequantised weight to the dtype before it multiplies.
    return out, from_mlx(expected), columns if dtype == "float32" else 2**13


@case("steel/attn/kernels/steel_attention", "attention", ("float32", "float16"))
def steel_attention(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    """Prefill attention with 8x8 simdgroup matrices, causal or not."""
    import mlx.core as mx

    heads, size, length = 2, 64, int(rng.integers(33, 100))
    kind = dtype_of(dtype)
    q, k, v = (rng.normal(size=(1, heads, length, size)).astype(kind) for _ in range(3))
    out = np.zeros_like(q)
    scale, causal = size**-0.5, bool(rng.integers(2))
    blocks = (length + 31) // 32
    names = ["B", "H", "D", "qL", "kL", "gqa_factor"]
    rest = ["NQ", "NK", "NQ_aligned", "NK_aligned", "qL_rem", "kL_rem", "qL_off"]
    fields = [(n, "i4") for n in names] + [("scale", "f4")] + [(n, "i4") for n in rest]
    strides = [(f"{n}_strides", "i8", (3,)) for n in "QKVO"]
    params = np.zeros(1, np.dtype([*fields, *strides]))
    whole = length // 32
    values = (1, heads, size, length, length, 1, scale, blocks, blocks, whole, whole)
    stride = (heads * length * size, length * size, size)
    params[0] = (*values, length % 32, length % 32, 0, stride, stride, stride, stride)
    constants: dict[str | int, Any] = {
        "align_Q": length % 32 == 0,
        "align_K": length % 32 == 0,
        "has_mask": False,
        "do_causal": causal,
        "has_sinks": False,
        "save_lse": False,
    }
    arguments = {"Q": q, "K": k, "V": v, "O": out, "params": params}
    function = f"attention<{METAL_TYPES[dtype]}, 32, 32, 64, 64, 4, 1>"
    groups = (blocks, heads, 1)
    header = "steel/attn/kernels/steel_attention"
    run(header, function, arguments, groups, (32, 4, 1), constants, check)
    expected = mx.fast.scaled_dot_product_attention(
        *map(to_mlx, (q, k, v)), scale=scale, mask="causal" if causal else None
    )
    return out, from_mlx(expected), length if dtype == "float32" else 2**13


@case("quantized", "affine_dequantize")
def affine_dequantize(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    import mlx.core as mx

    bits, group = int(rng.choice([2, 4, 8])), int(rng.choice([32, 64, 128]))
    rows, columns = int(rng.integers(1, 6)), group * int(rng.integers(1, 5))
    kind = dtype_of(dtype)
    weight = to_mlx(rng.normal(size=(rows, columns)).astype(kind))
    w, scales, biases = mx.quantize(weight, group_size=group, bits=bits)
    out = np.zeros((rows, columns), kind)
    arguments = {
        "w": np.array(w),
        "scales": from_mlx(scales).astype(kind),
        "biases": from_mlx(biases).astype(kind),
        "out": out,
    }
    function = f"affine_dequantize<{METAL_TYPES[dtype]}, {group}, {bits}>"
    threads = rows * columns * bits // 8
    pieces = next(n for n in (32, 16, 8) if threads % n == 0)
    run("quantized", function, arguments, (threads // pieces, 1, 1), (pieces, 1, 1), check=check)
    return out, from_mlx(mx.dequantize(w, scales, biases, group, bits)), 1


@case("unary", "unary_v")
def unary_v(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    import mlx.core as mx

    name = str(rng.choice(["Exp", "Tanh", "Sigmoid", "Sqrt", "Log1p"]))
    x = rng.uniform(0.1, 2, size=int(rng.integers(1, 500))).astype(dtype_of(dtype))
    out = np.zeros_like(x)
    kind = METAL_TYPES[dtype]
    arguments = {"in": x, "out": out, "size": np.uint32(x.size)}
    function = f"unary_v<{kind}, {kind}, {name}, 1>"
    run("unary", function, arguments, (x.size, 1, 1), (1, 1, 1), check=check)
    return out, from_mlx(getattr(mx, name.lower())(to_mlx(x))), 2


@case("binary", "binary_vv", ("float32", "float16", "bfloat16", "int32"))
def binary_vv(rng: np.random.Generator, dtype: str, check: str | None) -> Any:
    import mlx.core as mx

    name = str(rng.choice(["Add", "Multiply", "Maximum", "Subtract"]))
    a, b = (rng.normal(size=300) * 9 for _ in range(2))
    a, b = a.astype(dtype_of(dtype)), b.astype(dtype_of(dtype))
    out = np.zeros_like(a)
    kind = METAL_TYPES[dtype]
    arguments = {"a": a, "b": b, "c": out, "size": np.uint32(a.size)}
    function = f"binary_vv<{kind}, {kind}, {name}, 1>"
    run("binary", function, arguments, (3, 1, 1), (100, 1, 1), check=check)
    return out, from_mlx(getattr(mx, name.lower())(to_mlx(a), to_mlx(b))), 0


def difference(actual: Any, expected: Any, dtype: str, terms: int) -> tuple[float, float]:
    """The largest difference and the bound: both results are rounded to `dtype` once (two unit
    roundoffs of the largest value each), after sums of `terms` in float32 in different orders."""
    actual = np.asarray(actual, np.float64)
    expected = np.asarray(expected, np.float64)
    largest = float(np.max(np.abs(expected), initial=0.0))
    bound = (4 * UNIT_ROUNDOFF[dtype] + 2 * terms * 2.0**-24) * largest
    if not np.isfinite(actual).all():
        return float("inf"), bound
    return float(np.max(np.abs(actual - expected), initial=0.0)), bound


def compare(one: Case, shapes: int) -> tuple[dict[str, bool], float, str]:
    """What became of a case over its dtypes and `shapes` seeds, the largest difference as a part
    of its bound, and the first error."""
    marks = {"compiles": True, "runs": True, "agrees": True}
    worst, first_error = 0.0, ""
    for dtype in one.dtypes:
        for seed in range(shapes):
            try:
                actual, expected, terms = one.call(np.random.default_rng(seed), dtype, None)
            except EmulatorError as error:
                marks["runs"] = marks["agrees"] = False
                marks["compiles"] &= "does not compile" not in str(error)
                first_error = first_error or str(error).splitlines()[0][:100]
                break
            found, bound = difference(actual, expected, dtype, terms)
            marks["agrees"] &= found <= bound
            if found > 0:
                worst = max(worst, found / bound if bound > 0 else float("inf"))
    return marks, worst, first_error


def findings(one: Case) -> list[str]:
    """What the safety modes report for a case, one entry a line of MLX's source."""
    found = set()
    for dtype in one.dtypes:
        try:
            one.call(np.random.default_rng(99), dtype, "bounds,races,uninitialized")
        except CheckError as error:
            for f in error.findings:
                found.add(f"{f.kind} of {f.where.split('[')[0]}, {Path(f.file).name}:{f.line}")
        except EmulatorError as error:
            found.add(str(error).splitlines()[0][:90])
    return sorted(found)


def main() -> int:
    """Prints the table, a row for each kernel; 1 if one does not agree."""
    titles = ("header", "kernel", "dtypes", "compiles", "runs", "agrees", "difference / bound")
    print("|", " | ".join((*titles, "safety modes")), "|")
    print("|" + "---|" * (len(titles) + 1))
    failures = 0
    wanted = sys.argv[1:]
    for one in CASES:
        if wanted and one.kernel not in wanted:
            continue
        marks, worst, error = compare(one, shapes=5)
        failures += not marks["agrees"]
        reported = "; ".join(findings(one)) or "nothing" if marks["runs"] else error
        cells = (
            f"`{one.header}.h`",
            f"`{one.kernel}`",
            ", ".join(one.dtypes),
            *("yes" if mark else "no" for mark in marks.values()),
            f"{worst:.2f}",
            reported,
        )
        print("|", " | ".join(cells), "|", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
