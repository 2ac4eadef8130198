"""Arrays as they lie in memory, in a file that two processes map.

What is carried is the memory that an array is a part of, and not its numbers: a view arrives as a
view of the same larger array, and what is written beside an array is written beside it on both
sides. NumPy alone is needed: kernels live in interpreters that have little else.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

Array = NDArray[Any]
Bytes = NDArray[np.uint8]
Place = Mapping[str, Any]
"""Where an array lies in a file: offset, dtype, shape, strides in bytes, writeable."""

LINE = 64
"""Bytes of a cache line: places in a line stay what they are."""


class Carried:
    """The memory of some arrays in a file.

    Attributes:
        places: of the arrays, in their order, to be sent to the other side.
    """

    def __init__(self, file: Path, arrays: Sequence[Array]) -> None:
        self._file, self._arrays = file, arrays
        self._parts = _parts(arrays)
        self._offsets = []
        end = 0
        for low, high in self._parts:
            begin = end + (low - end) % LINE
            self._offsets.append(begin)
            end = begin + high - low
        whole = np.zeros(max(end, 1), np.uint8)
        for (low, high), offset in zip(self._parts, self._offsets, strict=True):
            whole[offset : offset + high - low] = _memory(low, high)
        whole.tofile(file)
        self.places = [self._place(array) for array in arrays]

    def take_back(self) -> None:
        """What the other side changed is changed here."""
        whole = np.fromfile(self._file, np.uint8)
        for (low, high), offset in zip(self._parts, self._offsets, strict=True):
            found, memory = whole[offset : offset + high - low], _memory(low, high)
            if not np.array_equal(found, memory):
                memory[...] = found

    def _place(self, array: Array) -> dict[str, Any]:
        address = array.ctypes.data
        offset = 0
        for (low, high), begin in zip(self._parts, self._offsets, strict=True):
            if array.size and low <= address < high:
                offset = begin + address - low
        return {
            "offset": offset,
            "dtype": array.dtype.name,
            "shape": array.shape,
            "strides": array.strides,
            "writeable": array.flags.writeable,
        }


def mapped(file: Path, places: Sequence[Place]) -> list[Array]:
    """The arrays of a `Carried` on the other side; what is written to them is written to the file.

    bfloat16 is that of `ml_dtypes`, and where that is not installed a structured dtype of one
    field "bfloat16", which holds its 16 bits.
    """
    whole: Bytes = np.memmap(file, np.uint8, mode="r+")
    arrays = []
    for place in places:
        shape, strides = tuple(place["shape"]), tuple(place["strides"])
        array: Array = np.ndarray(
            shape, dtype_named(place["dtype"]), whole, int(place["offset"]), strides
        )
        array.flags.writeable = bool(place["writeable"])
        arrays.append(array)
    return arrays


def dtype_named(name: str) -> np.dtype[Any]:
    """The dtype of this name."""
    if name != "bfloat16":
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError:
        return np.dtype([("bfloat16", np.uint16)])
    found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return found


def name_of(dtype: np.dtype[Any]) -> str:
    """The name of a dtype, as `dtype_named` takes it."""
    return "bfloat16" if dtype.names == ("bfloat16",) else dtype.name


def _parts(arrays: Sequence[Array]) -> list[tuple[int, int]]:
    """First and last address of each piece of memory that holds an array, none in another."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(byte_bounds(_owner(array)) for array in arrays if array.size):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return found


def _owner(array: Array) -> Array:
    """The array that an array is a view of, or a view of a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _memory(low: int, high: int) -> Bytes:
    """The bytes at these addresses, which stay where they are."""
    held = (ctypes.c_uint8 * (high - low)).from_address(low)
    return np.ctypeslib.as_array(held)
