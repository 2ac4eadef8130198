"""Where each pattern of values begins to be told, and where it ends: both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from handmade import recorded
from handmade_rows import LIMIT, parts_of, rows_of

from conformance.compare import values
from conformance.compare.diagnosis import PATTERNS
from conformance.compare.rows import Rows
from fixtures.snapshots import Recorded, noise


def logits(rows: int, tokens: int = 8, seed: int = 0, by: float = 2.0) -> Any:
    return np.random.default_rng(seed).normal(0, by, (rows, tokens))


def beside(
    *prompts: tuple[Any, Any] | tuple[Any, Any, int], limit: float = 1e-3, first: int = 0
) -> Rows:
    """Production's logits and the target's of each prompt, and how many tokens the latter shows."""
    left: dict[str, Recorded] = {}
    right: dict[str, Recorded] = {}
    for number, (p, q, *shown) in enumerate(prompts):
        tokens = [0] * len(p)
        left[f"p{number}"] = recorded(p, tokens, first=first)
        right[f"p{number}"] = recorded(q, tokens, first=first, k=shown[0] if shown else None)
    kl = np.concatenate([noise.kl(left[name], right[name]) for name in left])
    return Rows(
        production=left,
        target=right,
        names=np.concatenate([[name] * len(left[name].positions) for name in left]),
        positions=np.concatenate([left[name].positions for name in left]),
        kl=kl,
        usual=np.full(len(kl), limit / 10),
        limit=np.full(len(kl), limit),
    )


# One row for all ------------------------------------------------------------------------------

ONE_ROW = (
    "every position of a prompt has the same distribution, as when all rows of a batch get the "
    "logits of its last token"
)


def last_of(right: Any, alike: int) -> Any:
    """The last row in place of so many first ones; others as they are."""
    wrong = right.copy()
    wrong[:alike] = right[-1]
    return wrong


@pytest.mark.parametrize(("rows", "said"), [(9, ONE_ROW), (8, None)])
def test_eight_rows_like_the_last_are_enough(rows: int, said: str | None) -> None:
    right = logits(rows)
    assert values.one_row_for_all(beside((right, last_of(right, rows)))) == said


@pytest.mark.parametrize(("alike", "said"), [(14, ONE_ROW), (13, None)])
def test_seven_in_ten_are_like_the_last(alike: int, said: str | None) -> None:
    right = logits(21)
    assert values.one_row_for_all(beside((right, last_of(right, alike)))) == said


def test_each_prompt_has_a_last_row_of_its_own() -> None:
    one, other = logits(6), logits(6, seed=1)
    assert values.one_row_for_all(beside(*[(p, last_of(p, 6)) for p in (one, other)])) == ONE_ROW
    half = beside((one, last_of(one, 6)), (other, other))
    assert values.one_row_for_all(half) is None


def test_production_that_says_the_same_everywhere_may_be_followed() -> None:
    right = np.repeat(logits(1), 20, axis=0)
    assert values.one_row_for_all(beside((right, right))) is None
    other = logits(20)
    found = beside((other, last_of(other, 20)))
    last = np.full(20, 19)
    left = found.production["p0"]
    exactly = noise.kl(noise.at(left, last), left)
    assert values.one_row_for_all(replace(found, limit=exactly)) is None
    assert values.one_row_for_all(replace(found, limit=np.nextafter(exactly, 0))) == ONE_ROW


@pytest.mark.parametrize(("by", "said"), [(0.04, ONE_ROW), (0.07, None)])
def test_rows_are_the_same_within_a_twentieth_of_a_nat(by: float, said: str | None) -> None:
    right = logits(20)
    wrong = np.repeat(right[-1:], 20, axis=0)
    wrong[:-1, 0] += np.resize([by, -by], 19)
    assert values.one_row_for_all(beside((right, wrong))) == said


@pytest.mark.parametrize(("same", "said"), [(4, ONE_ROW), (3, None)])
def test_rows_are_the_same_that_show_four_of_five_tokens(same: int, said: str | None) -> None:
    """Another token takes the place of the least likely that are shown, and is nearly as likely."""
    right = logits(20, 12)
    wrong = np.tile(np.array([5.0, 4, 3, 2.0, 2.0, 1.98, 1.98, 1.98, -9, -9, -9, -9]), (20, 1))
    for row in range(19):
        for left_out in range(5 - same):
            wrong[row, [4 - left_out, 5 + left_out]] = 1.98 - left_out / 1e3, 2.0
    assert values.one_row_for_all(beside((right, wrong, 5))) == said


def test_each_row_shows_four_of_five_tokens_of_the_last() -> None:
    """Of 20 rows 12 show all five and 8 show three of them: 84% of the tokens, 60% of the rows."""
    right = logits(21, 12)
    wrong = np.tile(np.array([5.0, 4, 3, 2.0, 2.0, 1.98, 1.98, *[-9.0] * 5]), (21, 1))
    wrong[:8, 3:7] = 1.98, 1.98, 2.0, 2.0
    assert values.one_row_for_all(beside((right, wrong, 5))) is None
    wrong[2:8] = wrong[-1]
    assert values.one_row_for_all(beside((right, wrong, 5))) == ONE_ROW


# Shifted --------------------------------------------------------------------------------------

SHIFTED = "each position has the distribution of {}: the rows are off by one"
NEXT, BEFORE = SHIFTED.format("the next position"), SHIFTED.format("the position before")


@pytest.mark.parametrize(("step", "said"), [(-1, NEXT), (1, BEFORE)])
def test_rows_that_are_off_by_one(step: int, said: str) -> None:
    for rows, expected in ((9, said), (8, None)):
        right = logits(rows)
        assert values.shifted(beside((right, np.roll(right, step, 0)))) == expected
        later = beside((right, np.roll(right, step, 0)), first=rows // 2)
        assert values.shifted(later) is None


@pytest.mark.parametrize(("step", "said"), [(-1, NEXT), (1, BEFORE)])
@pytest.mark.parametrize(("others", "is_told"), [(2, True), (3, False)])
def test_nine_in_ten_are_off_by_one(step: int, said: str, others: int, is_told: bool) -> None:
    right = logits(21)
    wrong = np.roll(right, step, 0)
    wrong[5 : 5 + others] = logits(others, seed=9)
    assert values.shifted(beside((right, wrong))) == (said if is_told else None)


def test_right_rows_say_nothing_of_those_that_are_off_by_one() -> None:
    right = logits(40)
    wrong = right.copy()
    wrong[:8] = right[1:9]
    assert values.shifted(beside((right, wrong))) == NEXT
    wrong[7] = right[7]
    assert values.shifted(beside((right, wrong))) is None


def test_rows_of_the_next_may_differ_as_production_does() -> None:
    """Without any allowance only the very same rows are the next ones."""
    one, other = logits(6), logits(6, seed=1)
    exactly = [(right, np.roll(right, -1, 0)) for right in (one, other)]
    found = beside(*exactly, limit=1e-9)
    assert values.shifted(replace(found, limit=np.zeros(12))) == NEXT
    assert values.shifted(replace(found, limit=np.full(12, 1e9))) is None  # nothing is wrong
    rough = beside(*[(p, q + logits(6, seed=2, by=0.1)) for p, q in exactly])
    assert values.shifted(rough) is None
    assert values.shifted(replace(rough, limit=np.full(12, 0.05))) == NEXT


def test_the_next_row_is_looked_for_where_it_was_seen() -> None:
    right = logits(40)
    found = beside((right, np.roll(right, -1, 0)))
    for every, said in ((1, NEXT), (2, None)):
        seen = np.arange(0, 40, every)
        part = {
            side: {"p0": noise.at(getattr(found, side)["p0"], seen)}
            for side in ("production", "target")
        }
        few = replace(
            found,
            **part,
            names=found.names[seen],
            positions=found.positions[seen],
            **{name: getattr(found, name)[seen] for name in ("kl", "usual", "limit")},
        )
        assert values.shifted(few) == said


# Steeper --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (
            2.0,
            "log probabilities are 2 times as steep as production's, as logits are that should be "
            "divided by 2, or capped, or that a temperature of 0.5 divided",
        ),
        (
            0.5,
            "log probabilities are flatter than production's by the factor 0.5, as logits are "
            "that were scaled by it, or capped, or that a temperature of 2 divided",
        ),
        (1.019, None),
        (0.005, None),
        (-2.0, None),
    ],
)
def test_a_factor(factor: float, said: str | None) -> None:
    right = logits(20)
    assert values.steeper(beside((right, right * factor), limit=1e-5)) == said


def test_a_factor_near_one_is_told_from_a_fiftieth_on() -> None:
    right = logits(20)
    assert "1.02 times" in str(values.steeper(beside((right, right * 1.021), limit=1e-5)))
    assert "factor 0.979" in str(values.steeper(beside((right, right * 0.979), limit=1e-5)))
    assert values.steeper(beside((right, right * 0.981), limit=1e-5)) is None


@pytest.mark.parametrize(
    ("rows", "shown", "is_told"), [(8, 8, True), (7, 8, False), (20, 3, True), (20, 2, False)]
)
def test_a_factor_needs_eight_rows_of_three_tokens(rows: int, shown: int, is_told: bool) -> None:
    right = logits(rows)
    assert (values.steeper(beside((right, right * 2, shown))) is not None) is is_told


def test_rows_that_are_right_do_not_make_the_factor() -> None:
    """Where all tokens are nearly as likely, the factor does not show."""
    right = np.concatenate([logits(8), logits(30, by=1e-3)])
    wrong = np.concatenate([right[:8] * 2, right[8:]])
    assert "2 times" in str(values.steeper(beside((right, wrong))))


# What is left once a fault is undone ----------------------------------------------------------


def explained(
    fits: Any,
    *,
    wrong: Any = None,
    before: Any = None,
    shown: Any = None,
    after: float = 0.0,
    limit: Any = None,
) -> bool:
    """Of rows that fit once the fault is undone or do not, the first `wrong` are wrong."""
    fits = np.array(fits)
    count = len(fits)
    wrong = count if wrong is None else wrong
    p = np.log(np.tile([0.5, 0.25, 0.25], (count, 1)))
    undone = p + np.where(fits, after, 3.0)[:, None] * [1, 0, 0]
    undone[np.arange(count) >= (count if shown is None else shown), 2] = np.nan
    found = rows_of((0, np.where(np.arange(count) < wrong, 9.0, 1.0).tolist()), names=["p"] * count)
    if limit is not None:
        found = replace(found, limit=np.full(count, limit))
    first = np.full(count, 1.0) if before is None else before
    return values._explained(found, p, first, undone)


YES, NO = [True], [False]


@pytest.mark.parametrize(
    ("fits", "named", "is_explained"),
    [
        (YES * 8, {}, True),
        (YES * 7, {}, False),
        (YES * 20, {"wrong": 8}, True),
        (YES * 20, {"wrong": 7}, False),
        # Of wrong rows 8 in 10 show three tokens at least.
        (YES * 20, {"shown": 16}, True),
        (YES * 20, {"shown": 15}, False),
        # 19 in 20 fit, and of the wrong ones 9 in 10.
        (NO * 2 + YES * 38, {"wrong": 20}, True),
        (NO * 2 + YES * 37, {"wrong": 20}, False),
        (NO * 3 + YES * 57, {"wrong": 20}, False),
        (YES * 38 + NO * 2, {"wrong": 20}, True),
        (YES * 37 + NO * 3, {"wrong": 20}, False),
        # A row that shows two tokens is none that fits, nor one that does not.
        (YES * 20 + NO * 5, {"wrong": 20, "shown": 20}, True),
    ],
)
def test_a_fault_explains_what_is_wrong(fits: Any, named: Any, is_explained: bool) -> None:
    assert explained(fits, **named) is is_explained


def test_what_is_left_is_a_quarter_at_most_and_within_the_limit() -> None:
    p = np.log([[0.5, 0.25, 0.25]])
    left = float(values._among_shown(p, p + np.array([[0.05, 0, 0]]))[0])
    limit = LIMIT * 2.0**-10
    assert 0 < left < limit
    assert explained(YES * 8, after=0.05, before=np.full(8, 4 * left))
    assert not explained(YES * 8, after=0.05, before=np.full(8, np.nextafter(4 * left, 0)))
    assert not explained(YES * 8, after=0.2, before=np.full(8, 100.0))
    assert explained(YES * 8, after=0.05, limit=left)
    assert not explained(YES * 8, after=0.05, limit=np.nextafter(left, 0))


def test_the_difference_among_tokens_that_are_shown() -> None:
    """Their probability times the divergence of what is left when only they can come."""
    p, q = np.array([[0.5, 0.3, 0.2]] * 3), np.array([[0.4, 0.4, 0.2]] * 3)
    known = np.log(q)
    known[1, 2] = known[2, 1:] = np.nan
    of_two = 0.8 * (0.625 * np.log(0.625 / 0.5) + 0.375 * np.log(0.375 / 0.5))
    of_all = 0.5 * np.log(0.5 / 0.4) + 0.3 * np.log(0.3 / 0.4)
    assert values._among_shown(np.log(p), known) == pytest.approx([of_all, of_two, 0], abs=1e-12)
    # A constant in the logits of one row makes no difference, however large.
    assert values._among_shown(np.log(p), known + np.array([[1000], [0], [0]]))[0] == pytest.approx(
        of_all
    )


# A soft cap -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cap", [6.0, 12.0, 25.0])
@pytest.mark.parametrize("shown", [8, 5])
def test_a_cap_is_put_on_or_left_out(cap: float, shown: int) -> None:
    right = logits(40).clip(-5.5, 5.5)
    capped = cap * np.tanh(right / cap)
    for pair, what in (((right, capped), "put on"), ((capped, right), "left out")):
        said = values.soft_cap(beside((*pair, shown), limit=1e-5))
        assert said is not None and said.endswith(f"on the logits is {what}"), (said, what)
        assert said.startswith(
            "log probabilities follow production's on a curve, as when a soft cap of about "
        )
        assert float(said.split("about ")[1].split()[0]) == pytest.approx(cap, rel=0.06)


def test_a_cap_far_above_all_logits_is_none() -> None:
    """It is as good as a factor of one."""
    right = logits(40).clip(-5, 5)
    for cap, is_told in ((47.0, True), (53.0, False)):
        found = beside((right, cap * np.tanh(right / cap)), limit=3e-7)
        assert (values.soft_cap(found) is not None) is is_told


def test_small_logits_have_a_small_cap() -> None:
    right = 0.1 * logits(40).clip(-5.5, 5.5)
    found = beside((right, 0.6 * np.tanh(right / 0.6), 5), limit=1e-7)
    assert "about 0.6 on" in str(values.soft_cap(found))


@pytest.mark.parametrize("rows", [40, 250])
def test_rows_that_are_right_say_nothing_of_the_cap(rows: int) -> None:
    """Where all logits are near zero a cap does not show."""
    right = np.concatenate([logits(10, by=0.01), logits(rows).clip(-5.5, 5.5)])
    wrong = np.concatenate([right[:10], 12 * np.tanh(right[10:] / 12)])
    assert "about 12 on" in str(values.soft_cap(beside((right, wrong), limit=1e-4)))


def test_the_rounding_of_capped_logits_is_not_blown_up() -> None:
    """Nearly at its cap, a logit in bfloat16 says little of what was capped."""
    right = logits(60, by=3.0).clip(-8, 8)
    capped = 4 * np.tanh(right / 4) + logits(60, seed=3, by=0.003)
    assert "is left out" in str(values.soft_cap(beside((capped, right))))


@pytest.mark.parametrize(("rows", "is_told"), [(8, True), (7, False)])
def test_a_cap_needs_eight_rows(rows: int, is_told: bool) -> None:
    right = logits(rows)
    found = beside((right, 6 * np.tanh(right / 6)), limit=1e-5)
    assert (values.soft_cap(found) is not None) is is_told


def test_logits_are_needed_for_a_cap() -> None:
    right = logits(40)
    found = beside((right, 6 * np.tanh(right / 6)), limit=1e-5)
    left = found.production["p0"]
    told = replace(
        left,
        top_logits=(left.top_logits - left.logsumexp[:, None]).astype(np.float32),
        logsumexp=np.zeros_like(left.logsumexp),
    )
    assert values.soft_cap(found) is not None
    assert values.soft_cap(replace(found, production={"p0": told})) is None


def test_a_curve_keeps_the_order_of_tokens() -> None:
    """Noise beside the cap that changes places is no cap, however near the values are."""
    right = logits(40) * [1, 1, 1, 1, 0.01, 0.01, 0.01, 0.01]
    wrong = 6 * np.tanh(right / 6)
    assert values.soft_cap(beside((right, wrong), limit=1e-3)) is not None
    mixed = wrong[:, [0, 1, 2, 3, 7, 6, 5, 4]]
    assert values.soft_cap(beside((right, mixed), limit=1e-3)) is None


# A few tokens ---------------------------------------------------------------------------------

REST = ", and all others that are shown are right, as when a bias is on the logits"


def biased(right: Any, **by: float) -> Any:
    wrong = right.copy()
    for token, shift in by.items():
        wrong[:, int(token.removeprefix("t"))] += shift
    return wrong


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ({"t3": 2.0}, "token 3 is likelier by 2 nats"),
        ({"t3": -2.5}, "token 3 is less likely by 2.5 nats"),
        (
            {"t3": -2.0, "t5": 4.0},
            "token 5 is likelier by 4 nats and token 3 is less likely by 2 nats",
        ),
        (
            {"t3": 1.0, "t5": 2.0, "t9": 3.0},
            "token 9 is likelier by 3 nats, token 5 is likelier by 2 nats and token 3 is likelier "
            "by 1 nats",
        ),
    ],
)
def test_a_few_tokens_are_named(by: dict[str, float], said: str) -> None:
    right = logits(20, 32, by=0.5)
    assert values.few_tokens(beside((right, biased(right, **by)))) == said + REST


@pytest.mark.parametrize(("count", "is_told"), [(8, True), (9, False)])
def test_eight_tokens_are_few(count: int, is_told: bool) -> None:
    right = logits(20, 64, by=0.5)
    wrong = biased(right, **{f"t{token}": 1.0 + token for token in range(count)})
    assert (values.few_tokens(beside((right, wrong))) is not None) is is_told


@pytest.mark.parametrize(("by", "is_told"), [(0.055, True), (0.045, False)])
def test_a_bias_is_a_twentieth_of_a_nat_at_least(by: float, is_told: bool) -> None:
    right = logits(20, 32, by=0.5)
    found = beside((right, biased(right, t3=by)), limit=1e-6)
    assert (values.few_tokens(found) is not None) is is_told


@pytest.mark.parametrize(("by", "is_told"), [(0.105, True), (0.095, False)])
def test_a_bias_is_ten_times_what_the_others_are_off_by(by: float, is_told: bool) -> None:
    """A third of the others are off by a hundredth up, a third of them down."""
    right = logits(20, 33, by=0.1)
    right[:, 1] += 3.0
    wrong = right + 0.01 * np.resize([1, 0, -1], 33)
    found = beside((right, biased(wrong, t1=by)), limit=2e-4)
    assert (values.few_tokens(found) is not None) is is_told


@pytest.mark.parametrize(("rows", "is_told"), [(8, True), (7, False)])
def test_a_token_is_seen_in_eight_rows_at_least(rows: int, is_told: bool) -> None:
    right = logits(rows, 32, by=0.5)
    found = beside((right, biased(right, t3=2.0)))
    assert (values.few_tokens(found) is not None) is is_told


def test_a_token_that_is_no_longer_shown_is_less_likely_by_so_much_at_least() -> None:
    """Of 32 tokens 8 are shown; the favourite sinks below them."""
    right = logits(20, 32, by=0.1)
    right[:, :8] += 3.0 - 0.3 * np.arange(8)
    right[:, 0] = 6.0
    said = values.few_tokens(beside((right, biased(right, t0=-9.0), 8)))
    assert said == "token 0 is less likely by at least 5.8 nats" + REST


@pytest.mark.parametrize(("kept", "least"), [(10, ""), (9, "at least ")])
def test_a_token_that_half_of_the_rows_show_has_a_shift_of_its_own(kept: int, least: str) -> None:
    """Where the token was far ahead of all others it is shown as well once it is less likely."""
    right = np.tile(-0.3 * np.arange(32.0), (20, 1))
    right[:, 0] = np.where(np.arange(20) < kept, 12.0, 3.0)
    said = values.few_tokens(beside((right, biased(right, t0=-9.0), 8)))
    assert said is not None and said.startswith(f"token 0 is less likely by {least}")
    assert ("at least" in said) is bool(least)


def test_tokens_that_are_not_shown_are_none_of_the_few() -> None:
    """All of them are likelier, and the order of those that are shown is as it was."""
    right = np.tile(-0.3 * np.arange(32.0), (20, 1))
    wrong = right.copy()
    wrong[:, 8:] += 0.5
    found = beside((right, wrong, 6))
    assert found.wrong.all() and values.few_tokens(found) is None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # rows without a mean, as in `diagnose`
@pytest.mark.parametrize(
    "pattern", [pattern for pattern in PATTERNS if pattern.__module__ == values.__name__]
)
def test_where_none_of_productions_tokens_is_shown_no_pattern_is_seen(pattern: Any) -> None:
    right = logits(20, 32, by=0.1)
    strange = np.full((20, 64), -50.0)
    strange[:, 32:] = np.random.default_rng(1).normal(size=(20, 32))
    assert pattern(beside((right, strange, 4))) is None


# Like rounding --------------------------------------------------------------------------------

ROUNDING = (
    "the difference is small and alike at all positions, as quantised weights make it, or a "
    "constant or function that is slightly off"
)


def overlapping(hits: int, of: int) -> dict[str, Any]:
    """Recordings whose likeliest five tokens are the same in so many of so many places."""
    rows = of // 5
    same = np.arange(of).reshape(rows, 5) < hits
    left = np.tile(np.arange(5, dtype=np.int32), (rows, 1))
    make = recorded(np.zeros((rows, 5)), [0] * rows)
    return {
        "production": {"p": replace(make, top_ids=left)},
        "target": {"p": replace(make, top_ids=np.where(same, left, left + 5).astype(np.int32))},
    }


def like_rounding(*times: float, hits: int = 50, usual: float = 2.0**-10, rows: int = 8) -> Any:
    parts = parts_of(*times, rows=rows)
    return values.like_rounding(replace(rows_of(*parts, usual=usual), **overlapping(hits, 50)))


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ((3, 0, 3, 3, 3), ROUNDING),
        ((2.9, 0, 3, 3, 3), None),  # the first position is right
        ((3, 0, 3, 3), None),  # two octaves show nothing
        ((3, 0, 3, 2.9, 3), None),
        ((3, 0, 3, 15, 3), ROUNDING),
        ((3, 0, 3, 15.1, 3), None),
        ((90, 90, 3, 4, 3), ROUNDING),
    ],
)
def test_rounding_is_alike_everywhere(times: Any, said: str | None) -> None:
    assert like_rounding(*times) == said


def test_rounding_is_seen_in_octaves_of_eight_rows() -> None:
    parts = parts_of(3, 0, 3, 3, 3, rows=8)
    for beyond, said in ((7, ROUNDING), (8, None)):
        found = rows_of(*parts, ([16] * beyond, 99))
        assert values.like_rounding(replace(found, **overlapping(50, 50))) == said
    assert like_rounding(3, 0, 3, 3, 3, rows=7) is None
    for first, said in ((3, ROUNDING), (2, None)):
        found = rows_of(*parts[1:], ([0] * first, 3))
        assert values.like_rounding(replace(found, **overlapping(50, 50))) == said


def test_rounding_is_small() -> None:
    """A third of a nat in the middle, and three of five likeliest tokens are the same."""
    assert like_rounding(4, 4, 4, 4, 4, usual=0.35 / 4) == ROUNDING
    assert like_rounding(4, 4, 4, 4, 4, usual=0.36 / 4) is None
    assert like_rounding(3, 3, 3, 3, 3, hits=29) == ROUNDING
    assert like_rounding(3, 3, 3, 3, 3, hits=28) is None
