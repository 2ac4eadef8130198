"""A plot's coordinates say what the numbers say."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest

from conformance.report.plot import FLOOR, Scale, plot, positions, sparkline
from tests.report.comparisons import comparisons


def stretch(begin: int, value: float, limit: float | None) -> dict[str, Any]:
    return {
        "begin": begin, "count": 3, "mean": value / 10, "p99": value, "max": value, "limit": limit
    }  # fmt: skip


def numbers(path: str) -> list[float]:
    return [float(found) for found in re.findall(r"-?\d+\.\d+", path)]


@pytest.mark.parametrize("draw", [plot, sparkline])
def test_everything_lies_inside_the_box(draw: Any) -> None:
    found = [each["by_position"] for each in comparisons()]
    scale = Scale.over(found)
    for stretches in found:
        drawn = draw(stretches, scale)
        for text in (drawn.mean, drawn.p99, drawn.max):
            pairs = [pair.split(",") for pair in text.split()]
            assert len(pairs) == len(stretches)
            assert all(drawn.left <= float(x) <= drawn.right for x, _ in pairs)
            assert all(drawn.top <= float(y) <= drawn.bottom for _, y in pairs)
        assert drawn.band.count("M") == len(stretches)
        assert max(numbers(drawn.band)) <= max(drawn.right, drawn.bottom)


def test_ten_times_as_much_is_as_far_up_everywhere() -> None:
    scale = Scale(high=1)
    heights = [scale.share(10.0**power) for power in range(-6, 2)]
    steps = [b - a for a, b in pairwise(heights)]
    assert steps == pytest.approx([1 / 7] * 7)
    assert (scale.share(0.0), scale.share(FLOOR), scale.share(1e9)) == (0.0, 0.0, 1.0)


def test_a_point_is_above_the_band_exactly_where_it_is_beyond() -> None:
    stretches = [stretch(0, 0.001, 0.01), stretch(1, 0.1, 0.01), stretch(2, 5.0, None)]
    drawn = plot(stretches, Scale.over([stretches]))
    assert [point.beyond for point in drawn.peaks] == [False, True, False]
    level = numbers(drawn.edge)[1]
    assert drawn.peaks[0].y > level > drawn.peaks[1].y
    assert drawn.band.count("M") == 2, "no band where production's own is not known"


def test_positions_in_words() -> None:
    stretches = [stretch(begin, 0.1, 0.1) for begin in (0, 1, 2, 4, 8)]
    said = [positions(stretches, index) for index in range(5)]
    assert said == ["0", "1", "2 to 3", "4 to 7", "from 8"]


def test_no_stretch_at_all_is_a_plot_too() -> None:
    drawn = plot([], Scale.over([[]]))
    assert (drawn.max, drawn.peaks) == ("", [])
