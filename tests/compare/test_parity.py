"""Verdicts, figures and reasons of a comparison with a production that was made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from handmade import recorded
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import PROMPTS, faulty, logits, production, rounded, seen

from conformance.compare.parity import ENOUGH, Parity, compare
from fixtures.snapshots import Recorded, noise

PRODUCTION = production()
SHOWN = (None, 20, 5, 1)


def rows(found: Recorded, *chosen: int) -> Recorded:
    return noise.at(found, np.array(chosen))


def apart(name: str, right: Any) -> Any:
    """Some log probabilities are off by several nats everywhere."""
    return right + np.random.default_rng(len(name)).normal(0, 1.0, right.shape)


@pytest.mark.parametrize("shown", SHOWN)
def test_production_is_inside_of_itself(shown: int | None) -> None:
    found = compare(PRODUCTION, seen(logits(), shown))
    assert (found.verdict, found.diagnosis, found.agreement, found.rank) == ("inside", None, 1, 1)
    assert [figure.value for figure in found.figures] == pytest.approx([0] * len(found.figures))
    assert found.positions == sum(length for _, length in PROMPTS.values())
    assert found.shown == (shown or 64)


@settings(max_examples=10)
@given(st.integers(0, 1 << 16), st.sampled_from(SHOWN))
def test_another_rounding_is_no_pattern(seed: int, shown: int | None) -> None:
    """Three times the usual noise is outside, and nobody can say why."""
    louder = {name: found for name, found in seen(rounded(logits(), seed, 0.06), shown).items()}
    found = compare(PRODUCTION, louder)
    assert found.diagnosis is None or "small and alike at all positions" in found.diagnosis


@settings(max_examples=6)
@given(st.permutations(sorted(PROMPTS)), st.booleans())
def test_names_and_order_of_prompts_mean_nothing(order: list[str], wrong: bool) -> None:
    """Prompts under each other's names, in production and target alike, come to the same."""
    target = faulty(apart) if wrong else seen(rounded(logits(), 1))
    expected = compare(PRODUCTION, target)
    names = dict(zip(sorted(PROMPTS), order, strict=True))
    renamed = {names[name]: found for name, found in PRODUCTION.snapshot.prompts.items()}
    other = replace(PRODUCTION, snapshot=replace(PRODUCTION.snapshot, prompts=renamed))
    found = compare(other, {names[name]: target[name] for name in reversed(target)})
    assert found.figures == expected.figures
    assert (found.verdict, found.diagnosis) == (expected.verdict, expected.diagnosis)
    assert (found.rank, found.agreement) == pytest.approx((expected.rank, expected.agreement))


@settings(max_examples=6)
@given(st.floats(0.02, 3), st.integers(0, 1 << 16))
def test_who_shows_less_seems_no_further_away(by: float, seed: int) -> None:
    wrong = rounded(logits(), seed, by)
    least = 0.0
    for shown in (1, 5, 20, None):
        found = compare(PRODUCTION, seen(wrong, shown)).figure("kl_max").value
        assert found >= least * 0.999 - 1e-6
        least = found


def test_a_target_that_is_off_is_outside_and_says_by_how_much() -> None:
    found = compare(PRODUCTION, faulty(apart))
    assert found.verdict == "outside"
    assert "times what production allows" in found.reason
    assert found.agreement < 0.9 and 0.5 < found.rank < 1
    assert found.reason.count(".") >= 1 and found.reason.endswith(".")


def test_a_reason_holds_the_diagnosis() -> None:
    found = compare(PRODUCTION, faulty(lambda _, right: right / 2))
    assert found.diagnosis is not None
    assert found.reason.startswith(found.diagnosis.removesuffix("."))
    assert "times what production allows" in found.reason


@pytest.mark.parametrize("positions", [0, 1, ENOUGH - 1])
def test_few_positions_that_agree_decide_nothing(positions: int) -> None:
    right = seen(logits())["straight"]
    few = {"straight": rows(right, *range(positions))} if positions else {}
    found = compare(PRODUCTION, few)
    assert found.verdict == "undecided"
    assert f"{positions} positions could be compared" in found.reason
    assert found.to_json()["positions"] == positions


def test_few_positions_that_differ_decide() -> None:
    wrong = faulty(apart)["straight"]
    assert compare(PRODUCTION, {"straight": rows(wrong, 3, 4)}).verdict == "outside"


def test_a_mean_of_few_positions_is_no_figure() -> None:
    """One position of production may be as far off as many means together."""
    right = seen(rounded(logits(), 1))["straight"]
    found = compare(PRODUCTION, {"straight": right})
    assert {figure.name for figure in found.figures} == {"kl_max", "logprob_max", "margin"}


def test_prompts_that_production_lacks_are_left_out() -> None:
    target = seen(logits())
    strange = {**target, "strange": replace(target["one"], top_ids=target["one"].top_ids[:, :2])}
    assert compare(PRODUCTION, strange, {"strange": [1]}) == compare(PRODUCTION, target)


def test_other_tokens_are_another_context() -> None:
    """What stands after a token that production did not see is not compared."""
    right = seen(logits())["straight"]
    tokens = right.token_ids.copy()
    tokens[20] = (tokens[20] + 1) % 64
    found = compare(PRODUCTION, {"straight": replace(right, token_ids=tokens)})
    assert (found.positions, found.verdict) == (20, "inside")


def test_tokens_beyond_those_that_production_kept_change_nothing() -> None:
    """Production kept 32, the target shows all: it is compared as if it showed 32."""
    kept = {name: noise.truncated(found, 32) for name, found in seen(logits()).items()}
    short = replace(PRODUCTION, snapshot=replace(PRODUCTION.snapshot, prompts=kept))
    target = faulty(apart)
    few = {name: noise.truncated(found, 32) for name, found in target.items()}
    assert compare(short, target).figures == compare(short, few).figures


def test_the_band_is_that_of_the_prompt_that_shows_most() -> None:
    target = seen(rounded(logits(), 1))
    mixed = {**target, "long": noise.truncated(target["long"], 5)}
    found = compare(PRODUCTION, mixed)
    assert (found.verdict, found.shown) == ("inside", 5)
    assert found.figure("kl_max").limit == compare(PRODUCTION, target).figure("kl_max").limit


def test_ties_are_right_on_either_side() -> None:
    """Two tokens are equal, in production or in the target, and each names another one first."""
    tokens = [0] * ENOUGH
    equal, one, other = [1.0, 1.0, 0.0], [1.02, 1.0, 0.0], [1.0, 1.02, 0.0]
    for production_rows, target_rows in ((equal, other), (one, equal), (other, equal)):
        made = {"straight": recorded([production_rows] * ENOUGH, tokens)}
        tied = replace(PRODUCTION, snapshot=replace(PRODUCTION.snapshot, prompts=made))
        found = compare(tied, {"straight": recorded([target_rows] * ENOUGH, tokens)})
        assert found.agreement == 1
        assert found.figure("margin").value == 0


def test_another_favourite_is_a_margin() -> None:
    tokens = [0] * ENOUGH
    made = {"straight": recorded([[2.0, 0.0, 0.0]] * ENOUGH, tokens)}
    tied = replace(PRODUCTION, snapshot=replace(PRODUCTION.snapshot, prompts=made))
    found = compare(tied, {"straight": recorded([[0.0, 0.5, 0.0]] * ENOUGH, tokens)})
    assert found.agreement == 0
    assert found.figure("margin").value == pytest.approx(2, abs=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_outside(value: float) -> None:
    target = seen(logits())
    broken = target["middle"].top_logits.copy()
    broken[5:8, 0] = value
    found = compare(PRODUCTION, {**target, "middle": replace(target["middle"], top_logits=broken)})
    assert (found.verdict, found.broken) == ("outside", 3)
    assert "At 3 positions" in found.reason and "position 5 of prompt middle" in found.reason
    json.dumps(found.to_json(), allow_nan=False)


def test_minus_infinity_is_a_token_that_cannot_come() -> None:
    target = seen(logits())
    last = {
        name: replace(found, top_logits=np.where(np.arange(64) > 62, -np.inf, found.top_logits))
        for name, found in target.items()
    }
    found = compare(PRODUCTION, last)
    assert found.broken == 0
    json.dumps(found.to_json(), allow_nan=False)


# Greedy text ------------------------------------------------------------------------------------


def said(change: Callable[[list[int]], list[int]]) -> Parity:
    """Greedy text after the prompt "long" as production's was, changed."""
    long = PRODUCTION.snapshot.prompts["long"]
    own = [int(token) for token in long.token_ids[long.prompt_length :]]
    return compare(PRODUCTION, seen(logits()), {"long": change(own)})


@pytest.mark.parametrize(
    "change", [lambda own: own, lambda own: own[:9], lambda own: [*own, 3, 4], lambda own: []]
)
def test_text_that_is_cut_otherwise_has_not_parted(change: Any) -> None:
    found = said(change)
    assert (found.divergences, found.verdict) == ((), "inside")


def test_text_that_parts_says_where_and_by_how_much() -> None:
    found = said(lambda own: [*own[:5], (own[5] + 1) % 64, 9])
    (parted,) = found.divergences
    long = PRODUCTION.snapshot.prompts["long"]
    row = noise.at(long, np.array([204]))
    assert (parted.prompt, parted.position, parted.length) == ("long", 205, 200)
    assert parted.target[-1] == 9 and parted.production[:5] == parted.target[:5]
    assert parted.margin == pytest.approx(
        float(np.nan_to_num(noise.margins(row, np.array([parted.chosen]))[0]))
    )
    assert found.figure("parted").value == parted.margin


def test_text_alone_can_be_outside_and_never_inside() -> None:
    long = PRODUCTION.snapshot.prompts["long"]
    least = int(long.top_ids[199, -1])
    assert compare(PRODUCTION, {}, {"long": [least]}).verdict == "outside"
    assert compare(PRODUCTION, {}, {"long": [int(long.token_ids[200])]}).verdict == "undecided"
