"""A cache in another order of its axes.

A layout names the axes from the slowest to the fastest. An axis may be cut in two: "head_size / 8"
counts pieces of 8, and "head_size % 8" counts inside a piece. vLLM's keys on CUDA, where 16 bytes
of one token lie together, are

    ["num_blocks", "num_kv_heads", "head_size / x", "block_size", "head_size % x"]
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.metal_source.arithmetic import Expression, ExpressionError, Number, Strides, parse

Array = NDArray[Any]

AXES = ("num_blocks", "block_size", "num_kv_heads", "head_size")
"""Of a cache in the contract."""


@dataclass(frozen=True)
class Axis:
    """One axis of a layout: a whole axis, its pieces ("/"), or the inside of a piece ("%")."""

    name: str
    part: str = ""
    size: Expression | None = None


@dataclass(frozen=True)
class Layout:
    """Axes from the slowest to the fastest."""

    axes: tuple[Axis, ...]

    def packed(self, cache: Array, known: Mapping[str, Number], strides: Strides) -> Array:
        """The cache [num_blocks, block_size, num_kv_heads, head_size] in this layout: a view where
        one will do."""
        cut, order = self._cut(cache.shape, known, strides)
        return cache.reshape(cut).transpose(order)

    def unpacked(
        self, packed: Array, shape: tuple[int, ...], known: Mapping[str, Number], strides: Strides
    ) -> Array:
        """The inverse: a cache of this shape."""
        cut, order = self._cut(shape, known, strides)
        axes = np.argsort(order).tolist()
        inner = [cut[at] for at in order]
        return packed.reshape(inner).transpose(axes).reshape(shape)

    def _cut(
        self, shape: tuple[int, ...], known: Mapping[str, Number], strides: Strides
    ) -> tuple[list[int], list[int]]:
        """The shape with axes cut in two, and where each axis of the layout is in it."""
        sizes = {axis.name: axis.size for axis in self.axes if axis.size is not None}
        cut: list[int] = []
        places: dict[tuple[str, str], int] = {}
        for name, length in zip(AXES, shape, strict=True):
            size = sizes.get(name)
            if size is None:
                places[name, ""] = len(cut)
                cut.append(length)
                continue
            inside = size.whole(known, strides)
            if inside < 1 or length % inside:
                raise ExpressionError(f"{name} {length} is no multiple of {size.text} = {inside}")
            places |= {(name, "/"): len(cut), (name, "%"): len(cut) + 1}
            cut += [length // inside, inside]
        return cut, [places[axis.name, axis.part] for axis in self.axes]


def layout(words: object) -> Layout:
    """A layout of its words.

    Raises:
        ExpressionError: an axis is unknown, is missing, or stands there twice.
    """
    if not isinstance(words, Sequence) or isinstance(words, str):
        raise ExpressionError(f"{words!r} is no list of axes")
    axes = tuple(_axis(word) for word in words)
    for name in AXES:
        parts = [(axis.part, axis.size and axis.size.text) for axis in axes if axis.name == name]
        whole = [part for part, _ in parts] == [""]
        halves = sorted(part for part, _ in parts) == ["%", "/"] and parts[0][1] == parts[1][1]
        if not whole and not halves:
            raise ExpressionError(
                f"{name} must stand there once, or as {name!r} / n and {name!r} % n with the same n"
            )
    return Layout(axes)


def _axis(word: object) -> Axis:
    found = re.fullmatch(r"\s*(\w+)\s*(?:([/%])\s*(.+))?", str(word))
    if found is None or found[1] not in AXES:
        raise ExpressionError(f"{word!r} is no axis; there are {', '.join(AXES)}")
    return Axis(found[1], found[2] or "", parse(found[3]) if found[2] else None)


PLAIN = layout(AXES)
"""The contract's."""
