"""Metal's own way to a kernel: a library, a function with its constants, an encoder.

    library = Library.from_file("attention.metal", include_folders=["kernels"])
    pipeline = library.new_function("attention_float_128", {"has_mask": False})
    encoder = pipeline.encoder()
    encoder.set_buffer(query, index=0)
    encoder.set_bytes(np.int32(128), index=1)
    encoder.dispatch_threads((1024, 1, 1), (256, 1, 1))

Names are those of Metal's API in Python's spelling. A dispatch is executed at once, and arrays hold
the result when it returns.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reference.emulator.checks import parse_checks
from reference.emulator.compiler import (
    cache_folder,
    compile_kernel,
    content_hash,
    preprocess,
)
from reference.emulator.errors import EmulatorError
from reference.emulator.findings import CheckError
from reference.emulator.process import (
    DEADLINE,
    Buffer,
    LaunchRequest,
    Size,
    ThreadgroupMemory,
    launch,
)
from reference.emulator.thread_memory import launch_checked
from reference.emulator.translate.signature import Parameter
from reference.emulator.translate.tokens import Place
from reference.emulator.translate.translator import Constant, Kernel, Translation, translate
from reference.emulator.translate.unit import ConstantValue, unit

MAX_THREADS_PER_THREADGROUP = 1024
MAX_THREADGROUP_MEMORY = 32 << 10  # bytes, of Apple's GPUs from family 4

Array = NDArray[np.generic]


class Library:
    """Metal source text, translated."""

    def __init__(
        self,
        source: str,
        *,
        name: str = "kernel.metal",
        include_folders: Sequence[str | Path] = (),
        defines: Sequence[str] = (),
    ) -> None:
        """Translates `source`; `name` stands in messages, `defines` are NAME or NAME=VALUE.

        Raises CompileError with file and line.
        """
        self.name = name
        folders = [Path(folder).resolve() for folder in include_folders]
        self._translation = _translated(source, name, folders, defines)

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        include_folders: Sequence[str | Path] = (),
        defines: Sequence[str] = (),
    ) -> Library:
        """The library of a `.metal` file; its own folder is searched for includes, too."""
        path = Path(path)
        folders = [path.resolve().parent, *include_folders]
        return cls(path.read_text(), name=str(path), include_folders=folders, defines=defines)

    @property
    def function_names(self) -> list[str]:
        """The kernels: functions by name, instantiations of templates by their host_name."""
        return list(self._translation.kernels)

    @property
    def function_constants(self) -> dict[str, int]:
        """Index by name."""
        return {c.name: c.index for c in self._translation.constants.values()}

    def new_function(
        self, name: str, constant_values: Mapping[str | int, ConstantValue] | None = None
    ) -> Pipeline:
        """The kernel `name`, which may also be an instantiation of a template, "f<float, 4>".

        Function constants are given by name or index. Raises EmulatorError when there is no such
        kernel or constant.
        """
        kernel = self._translation.kernels.get(name) or self._instantiated(name)
        return Pipeline(self, kernel, dict(constant_values or {}))

    def _instantiated(self, name: str) -> Kernel:
        template = re.match(r"\s*([\w:]+)\s*<", name)
        parameters = self._translation.templates.get(template[1]) if template else None
        if parameters is None:
            raise EmulatorError(
                f"{self.name} has no kernel {name!r}; it has"
                f" {', '.join([*self.function_names, *self._translation.templates]) or 'none'}"
            )
        return Kernel(name, name, parameters, Place(self.name, 1))

    def unit(self, kernel: Kernel, values: Mapping[str | int, ConstantValue]) -> str:
        """The C++ text of a kernel."""
        return unit(self._translation, kernel, values)


class Pipeline:
    """A kernel with its function constants (MTLComputePipelineState)."""

    thread_execution_width = 32
    max_total_threads_per_threadgroup = MAX_THREADS_PER_THREADGROUP

    def __init__(
        self, library: Library, kernel: Kernel, values: Mapping[str | int, ConstantValue]
    ) -> None:
        self.library = library
        self.kernel = kernel
        self._values = values
        self._compiled: dict[bool, Path] = {}

    def compiled(self, check: bool = False) -> Path:
        """Compiles the kernel now; a dispatch does it by itself. Raises CompileError."""
        if check not in self._compiled:
            self._compiled[check] = compile_kernel(
                self.unit, self.kernel.name, "checked" if check else "plain"
            )
        return self._compiled[check]

    @functools.cached_property
    def unit(self) -> str:
        """The C++ text of the kernel."""
        return self.library.unit(self.kernel, self._values)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self.kernel.parameters

    def encoder(
        self,
        *,
        check: str | None = None,
        schedule: int = 0,
        workers: int = 0,
        deadline: float = DEADLINE,
    ) -> Encoder:
        """An encoder for this pipeline.

        `check` names safety modes ("bounds,races,uninitialized"), `schedule` is a seed that
        permutes the order of execution, `workers` the number of cores (0: all), `deadline` seconds.
        """
        return Encoder(self, parse_checks(check), schedule, workers, deadline)


class Encoder:
    """Binds arguments and dispatches (MTLComputeCommandEncoder)."""

    def __init__(
        self,
        pipeline: Pipeline,
        checks: Sequence[str],
        schedule: int,
        workers: int,
        deadline: float,
    ) -> None:
        self.pipeline = pipeline
        self._checks = checks
        self._schedule = schedule
        self._workers = workers
        self._deadline = deadline
        self._buffers: dict[int, Buffer] = {}
        self._memory: dict[int, ThreadgroupMemory] = {}

    def set_buffer(self, array: Array | None, offset: int = 0, index: int = 0) -> None:
        """Binds `array` from byte `offset` on to [[buffer(index)]]; the kernel writes into it.

        Raises EmulatorError when it is not contiguous, or read-only where the kernel writes.
        """
        if array is None:
            self._buffers.pop(index, None)
            return
        if not array.flags.c_contiguous:
            raise EmulatorError(f"the array of buffer {index} is not contiguous")
        parameter = self._parameter("buffer", index)
        writable = parameter is not None and parameter.writable
        if writable and not array.flags.writeable:
            raise EmulatorError(f"the kernel writes to buffer {index}, a read-only array")
        data = array.reshape(-1).view(np.uint8)[offset:]
        name = parameter.name if parameter is not None else f"buffer{index}"
        self._buffers[index] = Buffer(index, name, data, array.itemsize, writable)

    def set_bytes(self, value: object, index: int) -> None:
        """Binds a copy of `value`, anything that NumPy makes an array of."""
        array = np.array(value)
        if array.dtype == np.int64 and not isinstance(value, np.ndarray | np.generic):
            array = array.astype(np.int32)
        self.set_buffer(array.reshape(-1), 0, index)

    def set_threadgroup_memory_length(self, length: int, index: int) -> None:
        """Gives [[threadgroup(index)]] `length` bytes."""
        parameter = self._parameter("threadgroup", index)
        name = parameter.name if parameter is not None else f"threadgroup{index}"
        self._memory[index] = ThreadgroupMemory(index, name, length)

    def dispatch_threads(self, threads_per_grid: Size, threads_per_threadgroup: Size) -> None:
        """Executes the kernel once for each thread; threadgroups at the edge may be smaller.

        Raises CompileError, KernelCrash, DeadlineExceeded; CheckError with findings.
        """
        total = int(np.prod(threads_per_threadgroup))
        if not 1 <= total <= MAX_THREADS_PER_THREADGROUP:
            raise EmulatorError(
                f"{threads_per_threadgroup} is {total} threads in a threadgroup; Metal allows 1 to"
                f" {MAX_THREADS_PER_THREADGROUP}"
            )
        for parameter in self.pipeline.parameters:
            if parameter.kind == "threadgroup" and parameter.index not in self._memory:
                raise EmulatorError(
                    f"{self.pipeline.kernel.name}: [[threadgroup({parameter.index})]]"
                    f" {parameter.name} has no length"
                )
        request = LaunchRequest(
            kernel=self.pipeline.kernel.name,
            library=self.pipeline.compiled(bool(self._checks)),
            grid=_size(threads_per_grid),
            threadgroup=_size(threads_per_threadgroup),
            buffers=list(self._buffers.values()),
            threadgroup_memory=list(self._memory.values()),
            checks=self._checks,
            seed=self._schedule,
            workers=self._workers,
            deadline=self._deadline,
        )
        if not request.checks:
            launch(request)
        elif findings := launch_checked(request, self.pipeline.unit):
            raise CheckError(findings)

    def dispatch_threadgroups(
        self, threadgroups_per_grid: Size, threads_per_threadgroup: Size
    ) -> None:
        """As dispatch_threads, with the grid in whole threadgroups."""
        groups, threads = _size(threadgroups_per_grid), _size(threads_per_threadgroup)
        grid = (groups[0] * threads[0], groups[1] * threads[1], groups[2] * threads[2])
        self.dispatch_threads(grid, threads)

    def _parameter(self, kind: str, index: int) -> Parameter | None:
        found = (p for p in self.pipeline.parameters if (p.kind, p.index) == (kind, index))
        return next(found, None)


def _size(size: Iterable[int]) -> Size:
    x, y, z = (*map(int, size), 1, 1)[:3]
    return x, y, z


# ---- translations are kept, too -----------------------------------------------------------------


def _translated(
    source: str, name: str, folders: Sequence[Path], defines: Sequence[str]
) -> Translation:
    """The translation of `source`, kept with a hash of every file that it included."""
    key = content_hash(source, name, *map(str, folders), "|", *defines)
    path = cache_folder() / f"{key}.json"
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        kept = None
    if kept is not None and all(_file_hash(file) == value for file, value in kept["files"].items()):
        return _from_json(kept)
    expanded = preprocess(source, name, folders, defines)
    translation = translate(expanded, name)
    files = set(re.findall(r'^# \d+ "([^"<]+)"', expanded, re.MULTILINE)) - {name}
    content = asdict(translation) | {
        "files": {f: _file_hash(f) for f in files if Path(f).is_file()}
    }
    partial = path.with_suffix(f".{content_hash(str(id(content)), key)}")
    partial.write_text(json.dumps(content))
    partial.replace(path)
    return translation


def _file_hash(path: str) -> str:
    try:
        return content_hash(Path(path).read_text())
    except OSError:
        return ""


def _from_json(kept: dict[str, dict[str, dict[str, object]]]) -> Translation:
    def parameters(found: object) -> tuple[Parameter, ...]:
        assert isinstance(found, list)
        return tuple(Parameter(**p) for p in found)

    def kernel(found: dict[str, object]) -> Kernel:
        where = found["place"]
        assert isinstance(where, dict)
        return Kernel(
            str(found["name"]),
            str(found["function"]),
            parameters(found["parameters"]),
            Place(**where),
        )

    return Translation(
        text=str(kept["text"]),
        kernels={name: kernel(k) for name, k in kept["kernels"].items()},
        constants={name: Constant(**c) for name, c in kept["constants"].items()},  # type: ignore[arg-type]
        templates={name: parameters(p) for name, p in kept["templates"].items()},
    )
