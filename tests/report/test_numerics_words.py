"""What a report says of comparisons: words that hold, in the order that a reader needs."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.outcomes import Level, Outcome
from conformance.report.certificate import Certificate
from conformance.report.numerics import compared, headline, not_inside, number, quantised, ratio
from tests.report.comparisons import MODELS, comparisons
from tests.report.samples import certificate, result


def of(*found: dict[str, Any]) -> Certificate:
    passed = result("numerics/distribution/kl[m]", Level.MUST, Outcome.PASS)
    return certificate([passed], numerics=list(found))


def one(model: str, **changes: Any) -> dict[str, Any]:
    (found,) = (each for each in comparisons() if each["model"] == model)
    return {**found, **changes}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (0.03, "0.03"),
        (0.000123456, "0.000123"),
        (0.0000339, "3.39 × 10⁻⁵"),
        (7.136, "7.14"),
        (1234.5, "1230"),
        (0.0001, "0.0001"),
        (100000.0, "1.00 × 10⁵"),
        (1e9, "1.00 × 10⁹"),
        (-0.5, "-0.5"),
    ],
)
def test_a_number_is_readable(value: float, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("value", "limit", "said"),
    [
        (1.001, 1.0, "1.01×"),
        (0.999, 1.0, "0.99×"),
        (1.0, 1.0, "1.00×"),
        (9.999, 1.0, "10.00×"),
        (10.0, 1.0, "10×"),
        (2923.4, 1.0, "2923×"),
        (0.0, 0.0, "0×"),
        (0.1, 0.0, "beyond 0"),
    ],
)
def test_a_ratio_never_hides_on_which_side_of_its_limit_it_is(
    value: float, limit: float, said: str
) -> None:
    assert ratio(value, limit) == said


def test_those_outside_come_first_and_each_says_why() -> None:
    made = of(*comparisons())
    told = compared(made)
    broken = {model for model, feature in MODELS.items() if feature}
    assert {each.model for each in told[: len(broken)]} == broken
    assert [each.verdict for each in told] == ["outside"] * 2 + ["inside"] * 2
    assert headline(made).startswith("2 of 4 models are")
    assert [name for _, name, _ in not_inside(made)] == ["gemma2-softcap", "mistral-window"]
    assert all("times what production allows" in said for _, _, said in not_inside(made))
    assert all(any(not row.inside for row in each.figures) for each in told[:2])
    assert all(row.inside for each in told[2:] for row in each.figures)


def test_how_it_was_seen_is_said() -> None:
    (told,) = compared(of(one("llama-gqa", positions=653)))
    assert told.seen == (
        "Seen by prompt_logprobs at 653 positions, 20 tokens each, with "
        f"{one('llama-gqa')['requests']} requests in 4.20 s."
    )
    ran = {"scope": "runner", "way": "chunked prefill", "positions": 10}
    runner = {key: value for key, value in one("llama-gqa", **ran).items() if key != "requests"}
    (told,) = compared(of({**runner, "route": ""}))
    assert told.name == "llama-gqa, chunked prefill"
    assert told.seen == "Seen by the runner (chunked prefill) at 10 positions, 20 tokens each."


def test_a_window_that_is_ignored_is_beyond_from_the_window_on() -> None:
    (told,) = compared(of(one("mistral-window")))
    assert [row.beyond for row in told.stretches] == [False] * 6 + [True] * 4
    assert "above the largest of production's own at positions 32 to 63, " in told.describes


def test_the_pattern_that_a_difference_follows_is_said() -> None:
    told = one("mistral-window")
    assert compared(of(told))[0].reason == told["reason"]
    assert told["diagnosis"].rstrip(".") in told["reason"]


def parting(**changes: Any) -> dict[str, Any]:
    return {
        "prompt": "short", "position": 9, "length": 5, "expected": 1, "chosen": 2, "margin": 0.03,
        "production": [7, 1, 3], "target": [7, 2, 3], "production_text": "It is Paris.",
        "target_text": "It is a city.", **changes,
    }  # fmt: skip


def test_texts_part_where_they_part() -> None:
    limits = [{"name": "parted", "value": 0.03, "limit": 0.06}]
    (told,) = compared(of(one("llama-gqa", divergences=[parting()], figures=limits)))
    (found,) = told.partings
    assert (found.production.same, found.target.same) == ("It is ", "It is ")
    assert (found.production.first, found.production.rest) == ("Paris.", "")
    assert (found.target.first, found.target.rest) == ("a", " city.")
    assert found.where == "after 4 tokens of the answer"
    assert found.margin == "production preferred its token by 0.03 nats: a tie"


@pytest.mark.parametrize(
    ("margin", "said"),
    [
        (0.0, "production had both tokens equal: a tie"),
        (0.07, "production preferred its token by 0.07 nats: no tie"),
    ],
)
def test_a_margin_in_words(margin: float, said: str) -> None:
    limits = [{"name": "parted", "value": margin, "limit": 0.06}]
    found = one("llama-gqa", verdict="outside", figures=limits)
    (told,) = compared(of({**found, "divergences": [parting(margin=margin)]}))
    assert told.partings[0].margin == said


def test_without_texts_the_ids_are_shown() -> None:
    bare = {key: value for key, value in parting().items() if not key.endswith("_text")}
    (told,) = compared(of(one("llama-gqa", divergences=[bare])))
    assert told.partings[0].production.same == "7 "
    assert told.partings[0].production.first == "1"
    assert told.partings[0].target.first == "2"


def test_the_widest_margin_comes_first() -> None:
    margins = [0.01, 3.0, 0.5]
    parted = [parting(margin=margin, prompt=str(margin)) for margin in margins]
    (told,) = compared(of(one("mistral-window", divergences=parted)))
    assert [each.prompt for each in told.partings] == ["3.0", "0.5", "0.01"]


def test_long_texts_are_cut_around_the_place_and_say_so() -> None:
    before, after = "a" * 1000, "b" * 1000
    parted = parting(production_text=f"{before}X{after}", target_text=f"{before}Y{after}")
    (told,) = compared(of(one("llama-gqa", divergences=[parted])))
    side = told.partings[0].production
    assert side.same.startswith("…a") and side.first.startswith("X") and side.rest.endswith("b…")
    assert len(side.same) + len(side.first) + len(side.rest) < 500


def test_quantised_weights_are_said_with_the_habits_of_the_field() -> None:
    told = {
        "bits": 4, "looks_like": 4, "kl_mean": 0.0213, "kl_p999": 0.91, "same_top1": 0.93456,
        "limits_are_of_bits": 4, "kl_mean_limit": 0.05, "reason": "It is as rounded weights are.",
    }  # fmt: skip
    made = of(one("llama-gqa", quantised=told), one("qwen2-bias"))
    assert quantised(made) == "Quantised: 4-bit weights"
    assert compared(made)[0].quantised == (
        "It is as rounded weights are. Quantised: 4-bit weights: mean KL 0.0213 nats (4 bits: at "
        "most 0.05 nats), 99.9th percentile 0.91 nats, same top token at 93.4% of the positions."
    )
    assert quantised(of(*comparisons())) is None


@pytest.mark.parametrize(
    ("looks_like", "said"),
    [
        ("neither", "Quantised: neither 8-bit nor 4-bit weights cost as much"),
        ("unquantised", "Quantised: as it says, though nothing shows it"),
    ],
)
def test_weights_that_look_like_no_known_quantisation(looks_like: str, said: str) -> None:
    told = {"bits": None, "looks_like": looks_like}
    assert quantised(of(one("llama-gqa", quantised=told))) == said


def test_something_else_than_numbers_is_said() -> None:
    (told,) = compared(of(one("llama-gqa", broken=3)))
    assert "; at 3 it showed something else than numbers." in told.seen
