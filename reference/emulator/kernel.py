"""A drop-in for `mlx.core.fast.metal_kernel`: same call, same generated signature, no GPU.

What MLX does around the body of a kernel is documented under "Custom Metal Kernels" in MLX's
documentation; the tests hold each rule. MLX's own header `utils.h` is included as MLX includes it
where MLX is installed; elsewhere include/mlx_utils.h has the part that custom kernels use.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike, NDArray

from reference.emulator.compiler import INCLUDE
from reference.emulator.errors import EmulatorError
from reference.emulator.library import Array, Library, Pipeline
from reference.emulator.process import DEADLINE
from reference.emulator.translate.signature import SCALARS, VECTORS

# Inputs of fewer elements are `constant`, larger ones `device`, as in MLX.
_MAX_CONSTANT_ELEMENTS = 8

_METAL_TYPES = {
    "bool": "bool",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "float16": "float16_t",
    "bfloat16": "bfloat16_t",
    "float32": "float",
    "complex64": "complex64_t",
}

Kernel = Callable[..., list[Any]]


def metal_kernel(
    name: str,
    input_names: Sequence[str],
    output_names: Sequence[str],
    source: str,
    header: str = "",
    ensure_row_contiguous: bool = True,
    atomic_outputs: bool = False,
    compile_options: Mapping[str, str] | None = None,
    *,
    check: str | None = None,
    schedule: int = 0,
    workers: int = 0,
    deadline: float = DEADLINE,
) -> Kernel:
    """A kernel from the body of a Metal function, as `mlx.core.fast.metal_kernel`.

    The result is called with `inputs, template, grid, threadgroup, output_shapes, output_dtypes,
    init_value, verbose, stream` by keyword and returns the outputs: MLX arrays if an input or a
    dtype is MLX's, else NumPy arrays (bfloat16 of ml_dtypes). `compile_options` is taken and has no
    effect: arithmetic is always that of "safe".

    The keywords after `*` are the emulator's own: `check` and `schedule` as in Pipeline.encoder.

    Raises EmulatorError when it is called with arrays that do not fit; CompileError, KernelCrash,
    DeadlineExceeded and CheckError as Encoder.dispatch_threads does.
    """

    def call(
        *,
        inputs: Sequence[Any],
        output_shapes: Sequence[Sequence[int]],
        output_dtypes: Sequence[Any],
        grid: tuple[int, int, int],
        threadgroup: tuple[int, int, int],
        template: Sequence[tuple[str, Any]] | None = None,
        init_value: float | None = None,
        verbose: bool = False,
        stream: Any = None,
    ) -> list[Any]:
        if len(inputs) != len(input_names):
            raise EmulatorError(
                f"{name} has {len(input_names)} inputs ({', '.join(input_names)});"
                f" it was given {len(inputs)}"
            )
        if not len(output_names) == len(output_shapes) == len(output_dtypes):
            raise EmulatorError(
                f"{name} has {len(output_names)} outputs; it was given {len(output_shapes)} shapes"
                f" and {len(output_dtypes)} dtypes"
            )
        arrays = [_to_numpy(value) for value in inputs]
        strided = [_input(a, ensure_row_contiguous) for a in arrays]
        dtypes = [_dtype(d) for d in output_dtypes]
        outputs: list[Array] = []
        for shape, dtype in zip(output_shapes, dtypes, strict=True):
            output = np.empty(tuple(shape), dtype)
            # Without init_value the content is arbitrary: all ones is a NaN or an odd number.
            output.reshape(-1).view(np.uint8)[...] = 0xFF
            if init_value is not None:
                output[...] = init_value
            outputs.append(output)
        arguments = list(template or [])
        text = _function(
            name, input_names, arrays, output_names, dtypes, source, arguments, atomic_outputs
        )
        instantiation = f"custom_kernel_{name}"
        if arguments:
            values = ", ".join(_template_value(value) for _, value in arguments)
            instantiation += f"<{values}>"
        if verbose:
            print(f"Generated source code for `{name}`:\n```\n{header}\n{text}\n```")
        pipeline = _pipeline(name, header, text, instantiation)
        encoder = pipeline.encoder(
            check=check, schedule=schedule, workers=workers, deadline=deadline
        )
        index = 0
        for input_name, (array, memory) in zip(input_names, strided, strict=True):
            encoder.set_buffer(memory, index=index)
            index += 1
            for _, value in _shape_arguments(input_name, array, source):
                encoder.set_bytes(value, index)
                index += 1
        for output in outputs:
            encoder.set_buffer(output.reshape(-1), index=index)
            index += 1
        # As MLX, a threadgroup larger than the grid is cut to it.
        x, y, z = (min(t, max(g, 1)) for t, g in zip(threadgroup, grid, strict=True))
        encoder.dispatch_threads((grid[0], grid[1], grid[2]), (x, y, z))
        if any(_is_mlx(v) for v in (*inputs, *output_dtypes)):
            return [_to_mlx(output) for output in outputs]
        return list(outputs)

    return call


@functools.lru_cache(maxsize=256)
def _pipeline(name: str, header: str, text: str, instantiation: str) -> Pipeline:
    """The compiled kernel; the lines of the body count from its own first line."""
    include, folders = _mlx_headers()
    prelude = f'#include "{include}"\n{header}\n'
    library = Library(prelude + text, name=f"{name}.metal", include_folders=folders)
    return library.new_function(instantiation)


@functools.lru_cache(maxsize=1)
def _mlx_headers() -> tuple[str, tuple[Path, ...]]:
    """MLX's utils.h and where it is, or the emulator's own small one."""
    overlay = INCLUDE / "mlx"
    found = importlib.util.find_spec("mlx")
    for location in found.submodule_search_locations or [] if found is not None else []:
        folder = Path(location) / "include"
        if (folder / "mlx/backend/metal/kernels/utils.h").is_file():
            return "mlx/backend/metal/kernels/utils.h", (overlay, folder)
    return "mlx_utils.h", (overlay,)


# ---- the generated function ---------------------------------------------------------------------


def _function(
    name: str,
    input_names: Sequence[str],
    inputs: Sequence[Array],
    output_names: Sequence[str],
    output_dtypes: Sequence[np.dtype[Any]],
    source: str,
    template: Sequence[tuple[str, Any]],
    atomic_outputs: bool,
) -> str:
    """The kernel function around `source`: parameters in MLX's order, attributes that are used."""
    parameters: list[str] = []

    def add(declaration: str) -> None:
        parameters.append(f"{declaration} [[buffer({len(parameters)})]]")

    for input_name, array in zip(input_names, inputs, strict=True):
        space = "constant" if array.size < _MAX_CONSTANT_ELEMENTS else "device"
        pointer = "&" if array.ndim == 0 else "*"
        add(f"const {space} {_metal_type(array.dtype)}{pointer} {input_name}")
        for suffix, value in _shape_arguments(input_name, array, source):
            kind = "int64_t" if suffix == "strides" else "int"
            add(f"const constant {kind}{'&' if value.ndim == 0 else '*'} {input_name}_{suffix}")
    for output_name, dtype in zip(output_names, output_dtypes, strict=True):
        kind = _metal_type(dtype)
        add(f"device {f'atomic<{kind}>' if atomic_outputs else kind}* {output_name}")
    for attribute in sorted(VECTORS.keys() | SCALARS.keys()):
        if attribute in source:
            kind = "uint3" if attribute in VECTORS else "uint"
            parameters.append(f"{kind} {attribute} [[{attribute}]]")
    listed = ", ".join(f"{_template_kind(value)} {argument}" for argument, value in template)
    prefix = f"template <{listed}>\n" if template else ""
    signature = ",\n  ".join(parameters)
    return (
        f"{prefix}[[kernel]] void custom_kernel_{name}(\n  {signature}) {{\n"
        f'#line 1 "{name}.metal"\n{source}\n}}\n'
    )


def _shape_arguments(name: str, array: Array, source: str) -> list[tuple[str, NDArray[Any]]]:
    """What MLX passes beside an input whose body asks for it; nothing for a scalar."""
    if array.ndim == 0:
        return []
    strides = [s // array.itemsize for s in array.strides]
    values: dict[str, NDArray[Any]] = {
        "shape": np.array(array.shape, np.int32),
        "strides": np.array(strides, np.int64),
        "ndim": np.array(array.ndim, np.int32),
    }
    return [(suffix, value) for suffix, value in values.items() if f"{name}_{suffix}" in source]


def _template_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "int" if isinstance(value, int) else "typename"


def _template_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _metal_type(_dtype(value))


def _metal_type(dtype: np.dtype[Any]) -> str:
    try:
        return _METAL_TYPES[dtype.name]
    except KeyError:
        raise EmulatorError(f"Metal has no type for {dtype.name}") from None


# ---- arrays -------------------------------------------------------------------------------------


def _input(array: Array, ensure_row_contiguous: bool) -> tuple[Array, Array]:
    """The array as the kernel is told of it, and the memory that it sees."""
    if ensure_row_contiguous or array.flags.c_contiguous:
        array = np.ascontiguousarray(array).reshape(array.shape)
        return array, array.reshape(-1)
    if any(s < 0 for s in array.strides):
        raise EmulatorError("an input with negative strides is not supported")
    last = sum((n - 1) * s for n, s in zip(array.shape, array.strides, strict=True))
    count = last // array.itemsize + 1 if array.size else 0
    flat = np.lib.stride_tricks.as_strided(array, (count,), (array.itemsize,), writeable=False)
    return array, flat


def _is_mlx(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "mlx"


def _dtype(value: Any) -> np.dtype[Any]:
    """The NumPy dtype of an MLX or NumPy dtype."""
    name: DTypeLike = str(value).rpartition(".")[2] if _is_mlx(value) else value
    if isinstance(name, str) and name == "bfloat16":
        name = ml_dtypes.bfloat16
    dtype: np.dtype[Any] = np.dtype("bool" if name == "bool_" else name)
    return dtype


def _to_numpy(value: Any) -> Array:
    if not _is_mlx(value):
        # Python's numbers become what MLX makes of them.
        kinds = {bool: np.bool_, int: np.int32, float: np.float32}
        return np.asarray(value, kinds.get(type(value)))
    if str(value.dtype).endswith("bfloat16"):
        mx = sys.modules["mlx.core"]
        return np.array(value.view(mx.uint16), copy=None).view(ml_dtypes.bfloat16)
    return np.array(value, copy=None)


def _to_mlx(array: Array) -> Any:
    mx = sys.modules["mlx.core"]
    if array.dtype == ml_dtypes.bfloat16:
        return mx.array(array.view(np.uint16)).view(mx.bfloat16)
    return mx.array(array)
