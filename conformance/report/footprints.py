"""The memory of K/V pools in words and bars: what a page says of `kernels/pool/full`.

A footprint is what `conformance.kernels.footprint` records of a set of sequences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_KIB, _MIB = 2**10, 2**20


@dataclass(frozen=True)
class FootprintRow:
    """A set of sequences as a row of a table, with a bar for each way.

    Attributes:
        longest: the longest sequence that the pool held.
        longest_contiguous: that each could have, if the pool's memory were parted equally.
        pool_bar, contiguous_bar: lengths of bars, of 100; the larger of all rows is 100.
    """

    name: str
    served: str
    pool: str
    contiguous: str
    share: str
    longest: str
    longest_contiguous: str
    pool_bar: float
    contiguous_bar: float


def footprint_rows(footprints: Sequence[Mapping[str, Any]]) -> list[FootprintRow]:
    """Every footprint in words, in order of their names."""
    largest = max(
        (max(each["pool_bytes"], each["contiguous_bytes"]) for each in footprints), default=1
    )
    return [
        FootprintRow(
            name=each["name"],
            served=f"{each['sequences']} sequences, {each['tokens']} tokens",
            pool=size(each["pool_bytes"]),
            contiguous=size(each["contiguous_bytes"]),
            share=f"{100 * each['pool_bytes'] / each['contiguous_bytes']:.0f}%",
            longest=f"{each['longest_sequence']} tokens",
            longest_contiguous=f"{each['longest_contiguous']} tokens",
            pool_bar=round(100 * each["pool_bytes"] / largest, 2),
            contiguous_bar=round(100 * each["contiguous_bytes"] / largest, 2),
        )
        for each in sorted(footprints, key=lambda each: str(each["name"]))
    ]


def size(count: int) -> str:
    """Bytes as a person says them: `512 bytes`, `1.9 MiB`."""
    if count < _KIB:
        return f"{count} bytes"
    return f"{count / _KIB:.0f} KiB" if count < _MIB else f"{count / _MIB:.1f} MiB"
