"""Launches the kernels of this folder: on the GPU where MLX has one, elsewhere in the emulator.

What a `.metal` file holds is the body of a kernel as `mlx.core.fast.metal_kernel` takes it: MLX
writes the signature from the names and dtypes of the arguments, in the order given.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from reference import emulator
from reference.oracle.attention import Array

SOURCES = Path(__file__).resolve().parent
HEADERS = ("kv_cache.h", "online_softmax.h", "tiles.h")

SAFE = "bounds,races,uninitialized"
"""All safety modes of the emulator."""

Size = tuple[int, int, int]


@functools.cache
def has_gpu() -> bool:
    """Whether MLX is here and has a GPU for Metal."""
    try:
        import mlx.core as mx
    except ImportError:
        return False
    return bool(mx.metal.is_available())


@dataclass(frozen=True)
class Launcher:
    """Where kernels are executed, and whose sources they are.

    Attributes:
        gpu: Metal by MLX, and not the emulator.
        check, schedule: of the emulator; see `reference.emulator.Pipeline.encoder`.
        sources: a folder with the files of this one.
    """

    gpu: bool
    check: str | None = SAFE
    schedule: int = 0
    sources: Path = SOURCES

    def run(
        self,
        name: str,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, tuple[Sequence[int], DTypeLike]],
        template: Mapping[str, Any],
        threadgroups: Size,
        threads: int,
    ) -> list[Array]:
        """What the kernel of `name.metal` writes to its outputs.

        Args:
            inputs: arrays and numbers by name; numbers are passed by value.
            outputs: shape and dtype by name.
            template: dtypes and integers by name.
            threads: of a threadgroup.
        """
        if self.gpu:
            from reference.mlx_ops.library import to_numpy

            arrays = self.run_on_mlx(name, inputs, outputs, template, threadgroups, threads)
            return [to_numpy(array) for array in arrays]
        found: list[Array] = self._kernel(name, tuple(inputs), tuple(outputs))(
            inputs=list(inputs.values()),
            template=list(template.items()),
            output_dtypes=[np.dtype(dtype) for _, dtype in outputs.values()],
            **_sizes(outputs, threadgroups, threads),
        )
        return found

    def run_on_mlx(
        self,
        name: str,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, tuple[Sequence[int], Any]],
        template: Mapping[str, Any],
        threadgroups: Size,
        threads: int,
    ) -> list[Any]:
        """The same in MLX arrays: a GPU reads those that are contiguous where they are.

        Inputs may be MLX arrays, and dtypes MLX's.
        """
        found: list[Any] = self._kernel(name, tuple(inputs), tuple(outputs))(
            inputs=[to_mlx(value) for value in inputs.values()],
            template=[(key, _mlx_template(value)) for key, value in template.items()],
            output_dtypes=[_mlx_dtype(dtype) for _, dtype in outputs.values()],
            **_sizes(outputs, threadgroups, threads),
        )
        return found

    def run_in_place(
        self,
        name: str,
        changed: Mapping[str, Array],
        inputs: Mapping[str, Any],
        threadgroups: Size,
        threads: int,
    ) -> None:
        """Executes the kernel of `name.metal`, which writes to the arrays of `changed`."""
        if self.gpu:
            self._in_place_on_gpu(name, changed, inputs, threadgroups, threads)
        else:
            self._in_place_emulated(name, changed, inputs, threadgroups, threads)

    def _kernel(self, name: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Any:
        source, header = _source(self.sources, name)
        if self.gpu:
            import mlx.core as mx

            return mx.fast.metal_kernel(
                name=name,
                input_names=list(inputs),
                output_names=list(outputs),
                source=source,
                header=header,
            )
        return emulator.metal_kernel(
            name, inputs, outputs, source, header, check=self.check, schedule=self.schedule
        )

    def _in_place_emulated(
        self,
        name: str,
        changed: Mapping[str, Array],
        inputs: Mapping[str, Any],
        threadgroups: Size,
        threads: int,
    ) -> None:
        """`metal_kernel` returns new arrays; a Library binds those that there are."""
        source, header = _source(self.sources, name)
        parameters = [f"device {metal_type(a)}* {key}" for key, a in changed.items()]
        values = {key: np.asarray(value) for key, value in inputs.items()}
        for key, value in values.items():
            kind = f"const constant {metal_type(value)}&"
            parameters.append(
                f"{kind if value.ndim == 0 else f'const device {metal_type(value)}*'} {key}"
            )
        signature = [f"{text} [[buffer({n})]]" for n, text in enumerate(parameters)]
        signature += [f"uint3 {each} [[{each}]]" for each in ATTRIBUTES if each in source]
        text = (
            f"#include <metal_stdlib>\nusing namespace metal;\n{header}\n"
            f"[[kernel]] void {name}({', '.join(signature)}) {{\n"
            f'#line 1 "{name}.metal"\n{source}\n}}\n'
        )
        pipeline = _pipeline(text, name)
        encoder = pipeline.encoder(check=self.check, schedule=self.schedule)
        for index, array in enumerate((*changed.values(), *values.values())):
            if array.ndim == 0:
                encoder.set_bytes(array, index)
            else:
                encoder.set_buffer(np.ascontiguousarray(array), index=index)
        encoder.dispatch_threadgroups(threadgroups, (threads, 1, 1))

    def _in_place_on_gpu(
        self,
        name: str,
        changed: Mapping[str, Array],
        inputs: Mapping[str, Any],
        threadgroups: Size,
        threads: int,
    ) -> None:
        """Writes to MLX arrays of our own through their inputs, and copies them back.

        MLX hands inputs over as const, but they lie in memory that the GPU may write to; nothing
        else holds these arrays. A kernel needs an output to be run for: `done`.
        """
        import mlx.core as mx

        from reference.mlx_ops.library import to_numpy

        source, header = _source(self.sources, name)
        casts = "".join(
            f"device {metal_type(array)}* {key} = (device {metal_type(array)}*)({key}_in);\n"
            for key, array in changed.items()
        )
        kernel = mx.fast.metal_kernel(
            name=name,
            input_names=[*(f"{key}_in" for key in changed), *inputs],
            output_names=["done"],
            source=casts + source,
            header=header,
        )
        pools = [to_mlx(array) for array in changed.values()]
        mx.eval(pools)
        done = kernel(  # type: ignore[operator]  # MLX's stubs call it an object
            inputs=[*pools, *map(to_mlx, inputs.values())],
            grid=(threadgroups[0] * threads, *threadgroups[1:]),
            threadgroup=(threads, 1, 1),
            output_shapes=[(1,)],
            output_dtypes=[mx.uint32],
        )
        mx.eval(done)
        for array, pool in zip(changed.values(), pools, strict=True):
            array[...] = to_numpy(pool)


class MlxLauncher(Launcher):
    """A launcher of MLX arrays: what it gives back is MLX's too, on a GPU not yet computed."""

    run = Launcher.run_on_mlx


@functools.lru_cache(maxsize=64)
def _source(sources: Path, name: str) -> tuple[str, str]:
    """The body of a kernel, and what stands before it."""
    header = "".join((sources / file).read_text() for file in HEADERS)
    return (sources / f"{name}.metal").read_text(), header


def _sizes(
    outputs: Mapping[str, tuple[Sequence[int], Any]], threadgroups: Size, threads: int
) -> dict[str, Any]:
    return {
        "grid": (threadgroups[0] * threads, *threadgroups[1:]),
        "threadgroup": (threads, 1, 1),
        "output_shapes": [tuple(shape) for shape, _ in outputs.values()],
    }


ATTRIBUTES = (
    "thread_position_in_threadgroup",
    "threadgroup_position_in_grid",
    "threads_per_threadgroup",
)
"""Those that kernels which write in place ask for."""

_METAL_TYPES = {
    "bool": "bool",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "int8": "int8_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "float16": "half",
    "bfloat16": "bfloat",
    "float32": "float",
}


def metal_type(array: Array) -> str:
    """Metal's name of an array's dtype."""
    return _METAL_TYPES[array.dtype.name]


@functools.lru_cache(maxsize=64)
def _pipeline(text: str, name: str) -> emulator.Pipeline:
    return emulator.Library(text, name=f"{name}.metal").new_function(name)


def to_mlx(value: Any) -> Any:
    """An MLX array of another, of a number, or of NumPy's, whose bfloat16 is `ml_dtypes`'s."""
    import mlx.core as mx

    if isinstance(value, mx.array):
        return value
    array = np.asarray(value)
    if array.dtype.name == "bfloat16":
        return mx.array(array.view(np.uint16)).view(mx.bfloat16)
    return mx.array(array)


def _mlx_dtype(dtype: Any) -> Any:
    import mlx.core as mx

    return dtype if isinstance(dtype, mx.Dtype) else getattr(mx, np.dtype(dtype).name)


def _mlx_template(value: Any) -> Any:
    return value if isinstance(value, int) else _mlx_dtype(value)
