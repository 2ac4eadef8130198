"""Where each pattern along the positions begins to be told, and where it ends: both sides.

A row's difference is in times of production's own; above 4 it is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from handmade_rows import octave, parts_of, rows_of

from conformance.compare import positions
from conformance.compare.rows import Rows

ONE = 1.0


def told(pattern: Any, *parts: Any, **named: Any) -> bool:
    return pattern(rows_of(*parts, **named)) is not None


@pytest.mark.parametrize(
    ("parts", "is_told"),
    [
        ([(range(32, 40), 1), (range(40, 48), 5)], True),
        ([(range(33, 40), 1), (range(40, 48), 5)], False),  # 7 rows before it
        ([(range(32, 40), 1), (range(40, 47), 5)], False),  # 7 after it
        ([(range(32, 40), 1), (range(40, 47), 5), (59, 5)], True),
        ([(range(32, 40), 1), (range(40, 47), 5), (60, 5)], False),  # half a window is near
        ([(range(37), 1), ([40] * 3, 5), (range(41, 46), 5)], True),
        ([(range(35, 40), 5), (range(37), 1), (range(40, 48), 5)], False),  # wrong before it, too
        ([(range(32, 40), 1), (range(40, 48), 4), (range(48, 50), 5)], True),  # 2 in 10 are wrong
        ([(range(32, 40), 1), (range(40, 48), 4), (48, 5), (range(49, 52), [5, 4, 4])], False),
        ([(range(32, 40), 1), (range(40, 49), 4), (range(49, 52), 5)], False),  # 9 right in a row
        ([(range(32, 40), 1), (range(40, 48), 3), (range(48, 50), 5)], False),  # not off as a group
    ],
)
def test_a_window(parts: Any, is_told: bool) -> None:
    assert told(positions.window, *parts, window=40) is is_told
    assert not told(positions.window, *parts)


def test_half_of_an_odd_window_is_near() -> None:
    parts = [(range(32, 41), 1), (range(41, 48), 5)]
    assert told(positions.window, *parts, (60, 5), window=41)
    assert not told(positions.window, *parts, (61, 5), window=41)


def begun(begin: int, *, before: Any = ONE, after: Any = 10.0, early: Any = ONE) -> list[Any]:
    """Right before a position and wrong after it; `before` and `after` are next to it."""
    near = max(4, begin // 4)
    return [
        (range(begin - near), early),
        (range(begin - near, begin), before),
        (range(begin, begin + near), after),
        (range(begin + near, begin + max(near, 8)), after),
    ]


@pytest.mark.parametrize(
    ("parts", "is_told"),
    [
        (begun(8), True),
        ([(range(7), 1), (3, 1), (range(7, 15), 30)], False),  # 8 rows, and yet too early
        (begun(8, after=9.9), False),
        (begun(8, before=2.5, after=25), True),
        (begun(8, before=2.6, after=30), False),  # noisy before it
        (begun(8, early=0.5, before=2.5, after=25), True),
        (begun(8, early=0.5, before=2.6, after=30), False),
        (begun(8, early=1.2, before=3, after=30), True),
        (begun(8, before=2, after=20), True),
        (begun(8, before=2, after=19), False),
        (begun(8, before=0.5, after=10), True),
        (begun(8, before=0.5, after=9.9), False),
        # Right rows next to it are needed: of a quarter of what is before it, and of 4 at least.
        ([([1, 2, 4], 1), (range(1, 6), 1), (range(8, 16), 20)], True),
        ([([1, 2, 3], 1), ([1, 2, 3, 3, 3], 1), (range(8, 16), 20)], False),
        ([(range(1, 8), 1), (15, 1), (range(20, 30), 20)], True),
        ([(range(1, 8), 1), (14, 1), (range(20, 30), 20)], False),
        # And right rows far before it, the first position aside.
        ([(3, 1), (range(4, 9), 1), ([0, 0], 1), (range(9, 17), 20)], True),
        ([([4, 4], 1), (range(4, 9), 1), (0, 1), (range(9, 17), 20)], False),
        ([(1, 1), (range(4, 9), 1), ([0, 0], 1), (range(9, 17), 20)], True),
        # What is near after it is as long.
        ([(range(23), 1), (range(23, 28), 10), ([28] * 6, 5)], True),
        ([(range(24), 1), (range(24, 29), 10), ([29] * 7, 5)], False),
        ([(range(8), 1), ([8] * 6, 5), (range(9, 14), 10)], False),
    ],
)
def test_an_onset(parts: Any, is_told: bool) -> None:
    assert told(positions.onset, *parts) is is_told


@pytest.mark.parametrize(
    ("late", "fades"),
    [
        ([([16] * 8, 4.9)], True),
        ([([16] * 8, 5.0)], False),
        ([([16] * 7, 4.9)], False),
        ([([16] * 7, 4.9), (15, 4.9)], False),
        ([(range(24, 32), 4.9)], True),
    ],
)
def test_an_onset_that_fades_is_called_so(late: Any, fades: bool) -> None:
    said = str(positions.onset(rows_of(*begun(8, after=15.0), *late)))
    assert ("less and less" in said) is fades
    assert said.startswith("everything is right before position 8")


@pytest.mark.parametrize(
    ("middles", "is_told"),
    [
        ((5, 300, 100, 30, 10, 10), True),
        ((5, 300, 100, 10, 10), False),  # five octaves show no fading
        ((5, 300, 100, 30, 10.1, 10), False),
        ((5, 300, 100, 30, 10, 10.1), False),
        ((1, 100, 30, 10, 3, 3), True),
        ((1, 99, 30, 10, 3, 3), False),
        ((5, 300, 2, 4, 2, 2), True),
        ((5, 300, 2, 4.2, 2, 2), False),  # it grows again
        ((5, 100, 250, 3, 3, 3), False),
    ],
)
def test_fading(middles: Any, is_told: bool) -> None:
    assert (positions.fading(octave(*middles)) is not None) is is_told


def growing(
    first: Any = (1.0,) * 3,
    early: Any = (1.0,) * 4,
    soon: Any = (1.5,) * 4,
    later: Any = (10.0,) * 4,
    last: Any = (5.0,) * 4,
) -> list[Any]:
    """Differences in the stretches that are compared, each at one position."""
    each = zip((0, 2, 5, 12, 40), (first, early, soon, later, last), strict=True)
    return [([place] * len(times), times) for place, times in each]


@pytest.mark.parametrize(
    ("parts", "is_told"),
    [
        (growing(), True),
        *[(growing(**{name: (size,) * 3}), False) for name, size in (
            ("early", 1.0), ("soon", 1.5), ("later", 10.0), ("last", 5.0))],
        (growing(first=(1.0,) * 2), False),
        (growing(first=(1.0, 1.0, 9.0)), True),
        (growing(first=(1.0, 9.0, 9.0)), False),
        (growing(later=(9.9,) * 4), False),
        (growing(early=(0.1,) * 4), True),  # no growth from noise that is less than usual
        (growing(early=(0.1,) * 4, later=(9.9,) * 4), False),
        (growing(early=(1.2,) * 4, soon=(2.0,) * 4, later=(12.0,) * 4, last=(6.0,) * 4), True),
        (growing(early=(1.2,) * 4, soon=(2.0,) * 4, later=(11.9,) * 4, last=(6.0,) * 4), False),
        (growing(early=(2.0,) * 4, soon=(3.0,) * 4, later=(20.0,) * 4, last=(10.0,) * 4), True),
        (growing(early=(2.0,) * 4, soon=(2.9,) * 4, later=(20.0,) * 4, last=(10.0,) * 4), False),
        (growing(last=(4.9,) * 4), False),
        (growing(later=(20.0,) * 4, last=(9.9,) * 4), False),
        (growing(soon=(1.4,) * 4), False),
        (growing(soon=(8.0,) * 4, later=(12.0,) * 4, last=(6.0,) * 4), True),
        (growing(soon=(8.0,) * 4, later=(11.9,) * 4, last=(20.0,) * 4), False),
    ],
)  # fmt: skip
def test_drift(parts: Any, is_told: bool) -> None:
    assert told(positions.drift, *parts) is is_told


def test_a_drift_goes_beyond_productions_own_at_its_end() -> None:
    """Where production itself differs by 30 times the usual at some places."""
    for wrong, is_told in ((3, True), (2, False)):
        last = (6.0,) * (20 - wrong) + (40.0,) * wrong
        assert told(positions.drift, *growing(last=last), limit=30.0) is is_told


def test_a_drift_is_seen_in_stretches_that_begin_where_they_say() -> None:
    """Rows at the first and at the last position of each; a neighbour's would be too many."""
    stretches = [([0] * 3, 1), ([1, 1, 3, 3], 1), ([4] * 8 + [7] * 2, 1.5)]
    assert told(positions.drift, *stretches, ([8] * 40 + [31] * 2, 10), ([32] * 100, 5))


@pytest.mark.parametrize(
    ("middles", "is_told"),
    [
        ((1, 1, 5, 5), True),
        ((1, 9, 5), False),
        ((1, 9, 4.9, 9), False),
        ((1, 9, 9, 4.9), False),
        ((5, 9, 9, 9), False),  # the first position is wrong, too
        ((1, 0, 9, 9), True),  # the second sees but one other
    ],
)
def test_attention(middles: Any, is_told: bool) -> None:
    assert (positions.attention(octave(*middles)) is not None) is is_told


def test_an_octave_of_two_rows_is_none() -> None:
    wrong = parts_of(1, 9, 9, 9)
    assert told(positions.attention, *wrong, ([8, 9], 1))
    assert not told(positions.attention, *wrong, ([8, 9, 10], 1))
    assert not told(positions.attention, *wrong[1:], ([0, 0], 1), ([8] * 3, 9))


@pytest.mark.parametrize(
    ("parts", "is_told"),
    [
        (parts_of(10, 10, 10, 10), True),
        (parts_of(10, 9.9, 10, 10), False),
        (parts_of(10, 10, 10), False),
        ([*parts_of(10, 10, 10, 10, 10)[1:], ([0, 0], 10)], False),  # 2 first positions
        ([*parts_of(10, 10, 10, 10)[1:], ([0] * 10, [10] * 7 + [4] * 3)], True),
        ([*parts_of(10, 10, 10, 10)[1:], ([0] * 10, [10] * 6 + [4] * 4)], False),
        (parts_of(10, 50, 50, 50), True),
        (parts_of(10, 51, 51, 51), False),  # the first is far less wrong
    ],
)
def test_everywhere(parts: Any, is_told: bool) -> None:
    assert told(positions.everywhere, *parts, usual=1 / 32) is is_told


def test_everywhere_is_of_differences_that_are_not_small() -> None:
    """A quarter of a nat: 16 times a usual difference of a 64th."""
    assert positions.everywhere(rows_of(*parts_of(16, 16, 16, 16), usual=1 / 64)) is not None
    assert positions.everywhere(rows_of(*parts_of(15, 15, 15, 15), usual=1 / 64)) is None


def all_of(found: Rows) -> Any:
    return np.ones(len(found.kl), dtype=bool)


@pytest.mark.parametrize(
    ("parts", "begin"),
    [
        ([(range(8), 1), (range(8, 16), 9)], 8),
        ([(range(7), 1), (range(8, 16), 9)], None),
        ([(range(8), 1), (range(8, 15), 9)], None),
        ([(range(8), 3), (range(8, 16), 9)], 8),
        ([(range(8), 3.5), (range(8, 16), 9)], None),  # before it is more than usual
        # 6 of 10 rows near it are wrong, or 5 of 9.
        ([(range(8), 1), (range(8, 14), 9), ([14, 14, 15, 15], 1)], 8),
        ([(range(8), 1), (range(8, 13), 9), ([14, 14, 15, 15], 1)], None),
        # Near are 8 positions, or half of what is before it.
        ([(range(8), 1), (range(8, 14), 9), ([15] * 5, 1)], None),
        ([(range(8), 1), (range(8, 14), 9), ([16] * 5, 1)], 8),
        ([(range(21), 1), (range(21, 27), 9), ([30] * 5, 1)], None),
        ([(range(21), 1), (range(21, 27), 9), ([31] * 5, 1)], 21),
    ],
)
def test_where_rows_begin_to_be_wrong(parts: Any, begin: int | None) -> None:
    found = rows_of(*parts)
    assert positions.begins_at(found, all_of(found)) == begin


def test_rows_of_others_have_no_say_in_where_it_begins() -> None:
    found = rows_of((range(4), 9), (range(8), 1), (range(8, 16), 9), ([9] * 20, 1))
    mine = np.repeat([False, True, False], [4, 16, 20])
    assert positions.begins_at(found, mine) == 8
    assert positions.begins_at(found, all_of(found)) is None


@pytest.mark.parametrize(
    ("wrong", "at"),
    [
        ([], 10),
        ([0, 1, 2, 5, 9], 0),
        ([5, 9], 5),
        ([2, 9], 2),  # as well told by "from 9": the first of both
        ([0, 5, 9], 5),
        ([0, 2, 9], 0),
        ([0], 10),
        ([0, 2], 10),
    ],
)
def test_rows_are_parted_where_the_fewest_are_on_the_wrong_side(wrong: Any, at: int) -> None:
    each = [0, 1, 2, 5, 9]
    found = rows_of(*[(place, 9 if place in wrong else 1) for place in each])
    assert positions.parts_at(found, all_of(found)) == at


def test_each_row_counts_where_rows_are_parted() -> None:
    found = rows_of(([3] * 5, [9, 9, 9, 1, 1]), ([4] * 5, 1), ([6] * 3, 9), ([2] * 9, 9))
    mine = found.positions != 2
    assert positions.parts_at(found, mine) == 6
    assert positions.parts_at(found, mine & (found.positions != 4)) == 3
