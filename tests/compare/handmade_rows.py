"""Rows that were made by hand: differences of which every number is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from conformance.compare.rows import Rows
from fixtures.snapshots import Recorded

USUAL = 2.0**-10
"""Production's own difference, in nats: a power of two, so that times of it are exact."""

LIMIT = 4.0
"""The largest difference that is not wrong, in times of the usual one."""

Part = tuple[int | Iterable[int], float | Sequence[float]]
"""Positions, and how far each row there is off, in times of the usual difference."""


def rows_of(
    *parts: Part,
    names: Sequence[str] | None = None,
    usual: float = USUAL,
    limit: float = LIMIT,
    window: int | None = None,
    lengths: Mapping[str, int] | None = None,
) -> Rows:
    """Rows at these positions, one for each that is listed, of one prompt if none are named.

    Args:
        lengths: of the prompts; where they do not matter, there are no recordings at all.
    """
    places, times = [], []
    for where, size in parts:
        each = [where] if isinstance(where, int) else list(where)
        places += each
        times += [size] * len(each) if isinstance(size, int | float) else list(size)
    count = len(places)
    return Rows(
        production={name: _of_length(length) for name, length in (lengths or {}).items()},
        target={},
        names=np.array(["p"] * count if names is None else names, dtype=np.str_),
        positions=np.array(places, dtype=np.int32),
        kl=np.array(times, dtype=np.float64) * usual,
        usual=np.full(count, usual),
        limit=np.full(count, limit * usual),
        window=window,
    )


def prompts_of(
    lengths: Mapping[str, int] | None = None, /, **times: Mapping[int, float] | Sequence[float]
) -> Rows:
    """Rows of prompts: the times at positions from 0 on, or by position."""
    names, parts = [], []
    for name, each in times.items():
        placed = each if isinstance(each, Mapping) else dict(enumerate(each))
        parts.append((placed.keys(), list(placed.values())))
        names += [name] * len(placed)
    return rows_of(*parts, names=names, lengths=lengths)


def _of_length(prompt: int) -> Recorded:
    nothing = np.zeros(0, dtype=np.int32)
    table = np.zeros((0, 1), dtype=np.int32)
    floats = np.zeros((0, 1), dtype=np.float32)
    return Recorded(nothing, prompt, nothing, table, floats, floats[:, 0])


def octave(*times: float, rows: int = 3) -> Rows:
    """So many rows at the first position of each octave: 0, 1, 2, 4, 8 and so on."""
    return rows_of(*parts_of(*times, rows=rows))


def parts_of(*times: float, rows: int = 3) -> list[Part]:
    begins = [0, *(1 << n for n in range(len(times) - 1))]
    return [([begin] * rows, size) for begin, size in zip(begins, times, strict=True)]
