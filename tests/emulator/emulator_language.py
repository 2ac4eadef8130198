"""Runs the kernels of kernels/language, one for each feature of the Metal Shading Language.

`section` of a case is a section of the Metal Shading Language Specification, version 3.1, from
which its expected values are worked out.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from reference.emulator import Library

FOLDER = Path(__file__).parent / "kernels" / "language"


@dataclass(frozen=True)
class Case:
    """A kernel whose buffer(0) must hold `expected` in the end, other buffers are `inputs`.

    Values are compared exactly, NaN with NaN and the sign of zero included.
    """

    kernel: str
    section: str
    expected: NDArray[np.generic]
    inputs: tuple[NDArray[np.generic], ...] = ()
    threads: int | Sequence[int] = 1
    threadgroup: int | Sequence[int] = 0  # 0: all threads
    initial: NDArray[np.generic] | None = None  # of buffer(0); zeros by default
    constants: Mapping[str | int, bool | int | float] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.kernel


def array(values: ArrayLike, dtype: DTypeLike = np.float32) -> NDArray[np.generic]:
    return np.array(values, dtype)


@functools.cache
def libraries() -> dict[str, Library]:
    """The library that has each kernel, by the kernel's name."""
    found: dict[str, Library] = {}
    for path in sorted(FOLDER.glob("*.metal")):
        library = Library.from_file(path)
        found |= dict.fromkeys(library.function_names, library)
    return found


def run(
    kernel: str,
    buffers: Sequence[NDArray[np.generic]],
    threads: int | Sequence[int] = 1,
    threadgroup: int | Sequence[int] = 0,
    constants: Mapping[str | int, bool | int | float] | None = None,
    threadgroup_memory: Sequence[int] = (),
    safely: bool = False,
) -> None:
    """Dispatches `kernel` over a grid of `threads`; `buffers` are bound from index 0 on.

    With `safely` under all safety modes and in a permuted order.
    """
    pipeline = libraries()[kernel].new_function(kernel, constants or {})
    encoder = pipeline.encoder(
        check="bounds,races,uninitialized" if safely else None,
        schedule=7 if safely else 0,
        deadline=20,
    )
    for index, buffer in enumerate(buffers):
        encoder.set_buffer(buffer, index=index)
    for index, length in enumerate(threadgroup_memory):
        encoder.set_threadgroup_memory_length(length, index)
    grid = _size(threads)
    encoder.dispatch_threads(grid, _size(threadgroup) if threadgroup else grid)


def check(case: Case, safely: bool = False) -> None:
    """Raises AssertionError unless the kernel writes what is expected."""
    out = np.zeros_like(case.expected) if case.initial is None else case.initial.copy()
    buffers = [out, *(value.copy() for value in case.inputs)]
    run(
        case.kernel,
        buffers,
        case.threads,
        case.threadgroup,
        case.constants,
        safely=safely,
    )
    same(out, case.expected, f"{case.kernel} (section {case.section})")


def same(actual: NDArray[np.generic], expected: NDArray[np.generic], what: str) -> None:
    np.testing.assert_array_equal(actual, expected, err_msg=what)
    if np.issubdtype(expected.dtype, np.floating):
        zero = expected == 0
        np.testing.assert_array_equal(
            np.signbit(actual[zero]), np.signbit(expected[zero]), err_msg=f"{what}: sign of zero"
        )


def _size(size: int | Sequence[int]) -> tuple[int, int, int]:
    x, y, z = (*([size] if isinstance(size, int) else size), 1, 1)[:3]
    return x, y, z
