"""How the output of a kernel is compared with the oracle's.

The bound belongs to each number of the output. It is derived from the unit roundoff of the dtype
and the lengths of the reductions: see `reference/oracle/bounds.py`, where it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Nearness:
    """How near an output is to what it should be.

    Attributes:
        ratio: the largest error as a multiple of its bound; infinite where a number is not finite.
        index: where that is.
        actual, expected, bound: the numbers there.
        above: how many numbers are above their bounds.
        size: of how many.
    """

    ratio: float
    index: tuple[int, ...]
    actual: float
    expected: float
    bound: float
    above: int
    size: int

    @property
    def inside(self) -> bool:
        return self.above == 0

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        return (
            f"output[{place}] = {self.actual:.9g}, but should be {self.expected:.9g} ± "
            f"{self.bound:.2g} ({self.ratio:.3g} times the bound; {self.above} of {self.size} "
            "numbers are above theirs)"
        )


def nearness(actual: NDArray[Any], expected: Float64, bound: Float64) -> Nearness:
    """How near an output is, at the number that is furthest off for its bound.

    Args:
        actual: any float dtype; of the shape of the others, and not empty.
        bound: above 0.
    """
    found = actual.astype(np.float64)
    with np.errstate(invalid="ignore"):
        ratios = np.abs(found - expected) / bound
    ratios = np.where(np.isfinite(found), ratios, np.inf)
    index = tuple(int(at) for at in np.unravel_index(np.argmax(ratios), ratios.shape))
    return Nearness(
        ratio=float(ratios[index]),
        index=index,
        actual=float(found[index]),
        expected=float(expected[index]),
        bound=float(bound[index]),
        above=int((ratios > 1).sum()),
        size=ratios.size,
    )
