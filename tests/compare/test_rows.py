"""What is counted of rows side by side, in numbers that a reader can check."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from handmade import recorded
from handmade_rows import rows_of

from conformance.compare.production import Production
from conformance.compare.rows import KEPT, Rows, numbers, octaves, rows
from fixtures.snapshots import Recorded, Snapshot, noise
from fixtures.snapshots.bands import Band

NONE = np.zeros(0)


def every(found: Rows) -> Any:
    return np.ones(len(found.kl), dtype=bool)


def sees(found: Rows) -> tuple[bool, bool]:
    """Whether all rows together are fine, and whether they are off."""
    return found.fine(every(found)), found.off(every(found))


@pytest.mark.parametrize(
    ("times", "fine", "off"),
    [
        ([1] * 24 + [9], True, False),  # one may always be wrong
        ([1] * 23 + [9] * 2, False, False),
        ([1] * 48 + [9] * 2, True, False),  # or 4 in 100
        ([1] * 47 + [9] * 3, False, False),
        ([1] * 73 + [9] * 2, True, False),
        ([1, 9], False, True),
        ([3] * 25, True, False),
        ([3.1] * 25, False, False),
        ([4] * 17 + [9] * 3, False, True),
        ([4] * 18 + [9] * 2, False, False),
        ([3.9] * 17 + [9] * 3, False, False),
        ([1] * 25, True, False),
    ],
)
def test_a_group_is_fine_or_off_or_neither(times: Any, fine: bool, off: bool) -> None:
    assert sees(rows_of((range(len(times)), times))) == (fine, off)


def test_a_row_is_wrong_above_its_own_limit() -> None:
    found = rows_of((range(4), [3, 4, 4, 5]))
    found = replace(found, limit=found.limit * [1, 1, 0.5, 1])
    assert found.wrong.tolist() == [False, False, True, True]
    assert found.times.tolist() == [3, 4, 4, 5]
    assert found.share_wrong(every(found)) == 0.5
    assert found.share_wrong(~every(found)) == 0.0


def beside(**prompts: tuple[Recorded, Recorded]) -> Rows:
    left = {name: pair[0] for name, pair in prompts.items()}
    names = np.concatenate([[name] * len(found.positions) for name, found in left.items()])
    some = np.zeros(len(names))
    return Rows(
        production=left,
        target={name: pair[1] for name, pair in prompts.items()},
        names=names,
        positions=np.concatenate([found.positions for found in left.values()]),
        kl=some,
        usual=some + 1,
        limit=some + 1,
    )


def logprobs(*rows: Any, k: int | None = None, prompt: int | None = None) -> Recorded:
    """Rows `[N, V]` of log probabilities but for a constant."""
    return recorded(rows, [0] * len(rows), k=k, prompt=prompt)


NOTHING = rows_of()


def test_steps_are_counted_from_the_last_token_of_a_prompt() -> None:
    one, other = logprobs(*[[1.0, 0]] * 5, prompt=3), logprobs(*[[1.0, 0]] * 2, prompt=1)
    found = beside(one=(one, one), other=(other, other))
    assert found.past_prompt.tolist() == [-2, -1, 0, 1, 2, 0, 1]
    assert found.lengths == {"one": 3, "other": 1}


def test_log_probabilities_side_by_side() -> None:
    """In the order of production's likeliest; of as many tokens as each prompt of it has."""
    right, wrong = np.log([[0.5, 0.3, 0.2]]), np.log([[0.2, 0.3, 0.5]])
    two = beside(
        a=(logprobs(*right, k=2), logprobs(*wrong)), b=(logprobs(*right), logprobs(*right))
    )
    assert np.exp(two.logprobs) == pytest.approx(
        np.array([[[0.5, 0.3], [0.5, 0.3]], [[0.2, 0.3], [0.5, 0.3]]]), abs=1e-6
    )
    few = beside(a=(logprobs(*right), logprobs(*wrong, k=2)))
    assert np.exp(few.logprobs[1]) == pytest.approx(np.array([[np.nan, 0.3, 0.5]]), nan_ok=True)
    assert NOTHING.logprobs.shape[:2] == (2, 0)
    many = logprobs(np.arange(KEPT + 9.0))
    assert beside(a=(many, many)).logprobs.shape == (2, 1, KEPT)


@pytest.mark.parametrize(
    ("target", "shown", "share"),
    [
        ([6, 5, 4, 3, 2, 1, 0], None, 1.0),
        ([6, 5, 4, 3, 0, 2, 1], None, 0.8),  # the sixth takes the place of the fifth
        ([6, 5, 4, 3, 2, 1, 0], 2, 1.0),
        ([6, 1, 5, 3, 2, 1, 0], 2, 0.5),  # of two that are shown one is among the first two
        ([0, 0, 0, 0, 0, 6, 5], 2, 0.0),
    ],
)
def test_overlap(target: Any, shown: int | None, share: float) -> None:
    right = logprobs([6.0, 5, 4, 3, 2, 1, 0])
    found = beside(a=(right, logprobs([float(each) for each in target], k=shown)))
    assert found.overlap() == pytest.approx(share)


def test_overlap_is_the_mean_of_all_rows() -> None:
    right, one = logprobs(*[[3.0, 2, 1, 0]] * 3), logprobs([3.0, 2, 1, 0])
    wrong = logprobs([0.0, 1, 2, 3], k=1)
    found = beside(a=(right, right), b=(one, wrong))
    assert found.overlap() == pytest.approx(3 / 4)
    assert NOTHING.overlap() == 1.0


@pytest.mark.parametrize(
    ("production", "target", "margin", "same"),
    [
        ([3, 2, 0], [3, 2, 0], 0, 1),
        ([3, 2, 0], [2, 3, 0], 1, 0),
        ([3, 2, 0], [0, 2, 3], 3, 0),
        ([3, 2, 0], [0, 3, 3], 1, 0),  # of two favourites the one that production likes better
        ([3, 2, 0], [3, 0, 3], 0, 1),
        ([3, 3, 0], [0, 3, 0], 0, 1),
        ([0, 3, 3], [3, 0, 0], 3, 0),
        ([0, 3, 3], [3, 0, 3], 0, 1),
        ([3, 3, 3], [0, 0, 3], 0, 1),
        ([0, 2, 3], [0, 3, 3], 0, 1),
    ],
)
def test_margins_and_favourites(production: Any, target: Any, margin: float, same: int) -> None:
    left, right = (logprobs([float(each) for each in row]) for row in (production, target))
    found = beside(a=(left, right))
    assert found.margins == pytest.approx([margin], abs=1e-6)
    assert (found.lost(), found.agreement()) == (pytest.approx(margin, abs=1e-6), same)


def test_the_largest_margin_and_the_mean_agreement_of_all_prompts() -> None:
    one, other = [3.0, 2.0, 0.0], [0.0, 2.0, 3.0]
    tied = [3.0, 3.0, 3.0]
    found = beside(
        a=(logprobs(one, one, one), logprobs(one, other, tied)),
        b=(logprobs(other, tied), logprobs([0.0, 4.0, 3.0], one)),
    )
    assert found.margins == pytest.approx([0, 3, 0, 1, 0], abs=1e-6)
    assert found.lost() == pytest.approx(3, abs=1e-6)
    assert found.agreement() == pytest.approx(3 / 5)
    assert (NOTHING.lost(), NOTHING.agreement(), NOTHING.rank_agreement()) == (0, 1, 1)
    assert NOTHING.margins.shape == (0,)


@pytest.mark.parametrize(
    ("production", "target", "shown", "share"),
    [
        ([3, 2, 1], [3, 2, 1], None, 1),
        ([3, 2, 1], [1, 2, 3], None, 0),
        ([3, 2, 1], [3, 1, 2], None, 2 / 3),
        ([3, 2, 1], [2, 3, 1], None, 2 / 3),
        ([3, 2, 1], [2, 2, 1], None, 1),  # equal in the target
        ([2, 2, 1], [2, 3, 1], None, 1),  # equal in production: two pairs are left
        ([2, 2, 1], [3, 1, 2], None, 1 / 2),
        ([2, 2, 2], [3, 2, 1], None, 1),
        ([4, 3, 2, 1], [1, 2, 9, 8], 2, 1),  # of its likeliest two it shows neither
        ([4, 3, 2, 1], [4, 1, 9, 2], 2, 1),
        ([4, 3, 2, 1], [1, 4, 9, 2], 2, 0),
    ],
)
def test_pairs_in_the_same_order(production: Any, target: Any, shown: Any, share: float) -> None:
    left, right = (
        logprobs([float(each) for each in row], k=k)
        for row, k in ((production, None), (target, shown))
    )
    assert beside(a=(left, right)).rank_agreement() == pytest.approx(share)


def test_the_order_of_twenty_tokens_is_compared_and_all_rows_count() -> None:
    right = -np.arange(22.0)
    swapped = right.copy()
    swapped[[20, 21]] = swapped[[21, 20]]
    last, all_back = right.copy(), right[::-1].copy()
    last[[18, 19]] = last[[19, 18]]
    found = beside(a=(logprobs(right), logprobs(swapped)))
    assert found.rank_agreement() == 1
    found = beside(a=(logprobs(right, right), logprobs(last, right)), b=(
        logprobs(right), logprobs(all_back)
    ))  # fmt: skip
    assert found.rank_agreement() == pytest.approx((189 / 190 + 1 + 0) / 3)


def test_the_place_of_the_largest_difference() -> None:
    found = rows_of((range(5, 8), [1, 9, 2]), names=["a", "b", "c"])
    assert found.where_largest() == "at position 6 of prompt b"
    assert NOTHING.where_largest() == "nowhere"


def test_octaves() -> None:
    positions = np.array([0, 1, 2, 3, 4, 7, 8, 15, 16], dtype=np.int32)
    assert octaves(positions).tolist() == [0, 1, 2, 2, 3, 3, 4, 4, 5]


# From recordings ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured(Production):
    """Production with a band that is written down: narrower for a target that shows less."""

    def band(self, shown: int | None = None, *, generated: bool = False) -> Band:
        p99 = {None: 0.04, 20: 0.02, 5: 0.001}[shown]
        return Band(0.0, p99, 0.0, 0.0, 0.0, 0.0, 0.0, 0)


def pair(*stretches: tuple[int, float, float], reference: str = "float32") -> dict[str, Any]:
    """A pair of recordings: from a position on, the median and the 99th percentile."""
    return {
        "reference": f"{reference}/prefill",
        "other": "bfloat16/prefill",
        "kl_by_position": [
            {"from": begin, "median": median, "p99": p99} for begin, median, p99 in stretches
        ],
    }


PAIRS = [
    pair((0, 0.001, 0.1), (1, 0.002, 0.02), (2, 0.004, 0.06)),
    pair((0, 0.003, 0.05), (1, 0.001, 0.03)),
    pair((0, 9.0, 9.0), reference="bfloat16"),
]


def measured(*pairs: Any, **prompts: Recorded) -> Measured:
    return Measured("invented", "float32", Snapshot(prompts, {}), {"pairs": list(pairs)})


def steps(count: int, first: int = 0, seed: int = 0) -> Recorded:
    drawn = np.random.default_rng(seed).normal(0, 1, (count, 4))
    return recorded(drawn, list(range(count)), first=first)


@pytest.mark.parametrize(
    ("shown", "usual", "limit"),
    [
        # The larger of two pairs; at position 4 and beyond it is that of the last stretch.
        (None, [0.003, 0.002, 0.004, 0.004, 0.004], [0.1, 0.04, 0.06, 0.06, 0.06]),
        # Half as much, and no less than the percentile over all positions.
        (20, [0.0015, 0.001, 0.002, 0.002, 0.002], [0.05, 0.02, 0.03, 0.03, 0.03]),
        (5, [0.000075, 0.00005, 0.0001, 0.0001, 0.0001], [0.0025, 0.001, 0.0015, 0.0015, 0.0015]),
    ],
)
def test_production_is_as_far_from_itself_as_its_recordings(
    shown: int | None, usual: Any, limit: Any
) -> None:
    right = steps(5)
    found = rows(measured(*PAIRS, a=right), {"a": right}, shown)
    assert found.usual == pytest.approx(np.array(usual))
    assert found.limit == pytest.approx(np.array(limit))


def test_no_difference_is_told_from_the_rounding_of_float32() -> None:
    right = steps(3)
    for pairs in ((), (pair((0, 0.0, 0.0), (2, 1e-9, 1e-9)),)):
        found = rows(measured(*pairs, a=right), {"a": right}, None)
        assert found.usual == pytest.approx([1e-7] * 3)
        assert found.limit == pytest.approx([0.04] * 3)


def test_rows_are_those_of_positions_that_both_saw() -> None:
    """By name, in the order of the alphabet, up to the first token that differs."""
    long, late, other = steps(6, seed=1), steps(6, first=4, seed=1), steps(3, seed=2)
    parted = replace(long, token_ids=np.array([0, 1, 2, 3, 9, 9], dtype=np.int32))
    known = measured(*PAIRS, b=late, a=long, c=other, d=other)
    seen = {"c": steps(3, seed=3), "a": parted, "b": long, "e": other}
    found = rows(known, seen, 5, 40)
    assert list(found.production) == list(found.target) == ["a", "b", "c"]
    assert found.names.tolist() == [*"aaaa", *"bb", *"ccc"]
    assert found.positions.tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2]
    assert found.kl[:6] == pytest.approx([0] * 6, abs=1e-6)
    assert found.kl[6:].tolist() == noise.kl(other, seen["c"]).tolist()
    assert (found.window, found.positions.dtype) == (40, np.int32)
    assert len(found.usual) == len(found.limit) == 9
    assert rows(known, {"a": late}, 5).production["a"].positions.tolist() == [4, 5]
    assert rows(known, seen, 5).window is None


def test_no_rows() -> None:
    found = rows(measured(*PAIRS, a=steps(3)), {"b": steps(3)}, 5)
    assert [len(each) for each in (found.kl, found.usual, found.limit, found.names)] == [0] * 4
    assert (found.positions.shape, found.production) == ((0,), {})
    assert (found.positions.dtype, found.names.dtype.kind) == (np.int32, "U")


def test_numbers_and_what_is_none() -> None:
    """Row 1 of `a` has a NaN, its row 3 an infinite sum; nothing of `b` is a number."""
    right = steps(5)
    logits, sums = right.top_logits.copy(), right.logsumexp.copy()
    logits[1, 2], logits[2, 3], sums[3] = np.nan, -np.inf, np.inf
    a = replace(right, top_logits=logits, logsumexp=sums)
    b = replace(right, top_logits=np.full_like(logits, np.inf), positions=right.positions + 7)
    usable, broken = numbers({"a": right, "b": right, "c": right}, {"b": b, "a": a, "z": a})
    assert broken == [("a", 1), ("a", 3), *(("b", position) for position in range(7, 12))]
    assert list(usable) == ["a"]
    assert usable["a"].positions.tolist() == [0, 2, 4]
    assert usable["a"].top_logits[1].tolist() == [*right.top_logits[2, :3], -9999.0]
    assert usable["a"].top_logits.dtype == np.float32
    assert all(type(position) is int for _, position in broken)


def test_tokens_beyond_those_that_production_kept_are_no_numbers_of_interest() -> None:
    right = steps(3)
    kept = noise.truncated(right, 2)
    logits = right.top_logits.copy()
    logits[:, 2:] = np.nan
    usable, broken = numbers({"a": kept}, {"a": replace(right, top_logits=logits)})
    assert (usable["a"].top_ids.shape, broken) == ((3, 2), [])


def test_a_prompt_of_which_nothing_is_shown_is_left_out_and_others_are_not() -> None:
    right = steps(3)
    usable, broken = numbers({"a": right, "b": right}, {"a": noise.truncated(right, 0), "b": right})
    assert (list(usable), broken) == (["b"], [])
