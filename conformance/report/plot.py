"""KL divergence against position, as coordinates for an inline SVG; both axes are logarithmic.

Stretches of positions double in length, so each is as wide as the next. The vertical axis is the
same in all plots of a page: they are there to be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FLOOR = 1e-6
"""Nats below which nothing is told apart: logits of float32 are no better."""

Stretches = Sequence[Mapping[str, Any]]

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Scale:
    """Decades of the vertical axis: powers of ten of the lowest and the highest value."""

    low: int = round(math.log10(FLOOR))
    high: int = -1

    @classmethod
    def over(cls, comparisons: Iterable[Stretches]) -> Scale:
        """The scale on which all values of some plots can be seen."""
        values = [FLOOR, *(value for each in comparisons for value in _values(each))]
        return cls(high=max(cls.high, math.ceil(math.log10(max(values)))))

    def share(self, value: float) -> float:
        """How high a value is: 0 at the bottom, 1 at the top."""
        decades = math.log10(max(value, FLOOR)) - self.low
        return min(max(decades / (self.high - self.low), 0.0), 1.0)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, and what stands beside it."""

    at: float
    text: str


@dataclass(frozen=True)
class Point:
    """The largest value of a stretch; `beyond` says that it is above production's."""

    x: float
    y: float
    beyond: bool


@dataclass(frozen=True)
class Plot:
    """Coordinates in a box of `width` by `height`, of which the margins are for the axes.

    `band` is the area up to production's own largest value, `edge` its upper edge. The lines are
    the `points` of SVG polylines.
    """

    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    band: str
    edge: str
    mean: str
    p99: str
    max: str
    peaks: list[Point]
    rows: list[Tick]
    columns: list[Tick]


def plot(stretches: Stretches, scale: Scale, *, width: int = 360, height: int = 190) -> Plot:
    """A plot with axes."""
    return _plot(stretches, scale, width, height, left=34, right=6, top=8, bottom=22)


def sparkline(stretches: Stretches, scale: Scale, *, width: int = 120, height: int = 28) -> Plot:
    """The same as small as a line of text, without axes."""
    return _plot(stretches, scale, width, height, left=1, right=1, top=2, bottom=2)


def positions(stretches: Stretches, index: int) -> str:
    """The positions of a stretch in words: `0`, `4 to 7`, `from 512`."""
    begin = int(stretches[index]["begin"])
    if begin < 2:
        return str(begin)
    return f"{begin} to {2 * begin - 1}" if index + 1 < len(stretches) else f"from {begin}"


def power_of_ten(power: int) -> str:
    """`10⁻⁴`, or `1` and `10`, which need no power."""
    if power in (0, 1):
        return str(10**power)
    return f"10{str(power).translate(_SUPERSCRIPT)}"


def _plot(
    stretches: Stretches,
    scale: Scale,
    width: int,
    height: int,
    *,
    left: float,
    right: float,
    top: float,
    bottom: float,
) -> Plot:
    wide, high = width - left - right, height - top - bottom
    step = wide / max(len(stretches), 1)
    floor = _number(top + high)

    def y(value: float) -> float:
        return top + high * (1 - scale.share(value))

    def middle(index: int) -> float:
        return left + step * (index + 0.5)

    def line(figure: str) -> str:
        return " ".join(
            f"{_number(middle(index))},{_number(y(each[figure]))}"
            for index, each in enumerate(stretches)
        )

    band, edge = [], []
    for index, each in enumerate(stretches):
        if each["limit"] is None:
            continue
        begin, end = _number(left + step * index), _number(left + step * (index + 1))
        level = _number(y(each["limit"]))
        band.append(f"M{begin},{floor}V{level}H{end}V{floor}Z")
        edge.append(f"M{begin},{level}H{end}")
    return Plot(
        width=width,
        height=height,
        left=left,
        right=width - right,
        top=top,
        bottom=top + high,
        band="".join(band),
        edge="".join(edge),
        mean=line("mean"),
        p99=line("p99"),
        max=line("max"),
        peaks=[
            Point(
                round(middle(index), 1),
                round(y(each["max"]), 1),
                each["limit"] is not None and each["max"] > each["limit"],
            )
            for index, each in enumerate(stretches)
        ],
        rows=[
            Tick(round(y(10.0**power), 1), power_of_ten(power))
            for power in range(scale.low, scale.high + 1, 2)
        ],
        columns=[
            Tick(round(middle(index), 1), str(each["begin"]))
            for index, each in enumerate(stretches)
            if index % 2 == 0 or len(stretches) < 6
        ],
    )


def _values(stretches: Stretches) -> Iterable[float]:
    for each in stretches:
        yield each["max"]
        if each["limit"] is not None:
            yield each["limit"]


def _number(value: float) -> str:
    return f"{value:.1f}"
