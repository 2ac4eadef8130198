"""The test of drawn answers in numbers to check by hand, and both sides of each limit."""

from __future__ import annotations

import math

import pytest

from conformance.compare import frequencies
from conformance.compare.frequencies import (
    ALARM,
    OTHER,
    REFUTED,
    Explanation,
    Ranges,
    distributed,
    ignored,
    otherwise,
)
from conformance.compare.transformed import Known, _alike
from conformance.outcomes import Failed, Inconclusive, Silent

COIN = Ranges({"a": (0.5, 0.5), "b": (0.5, 0.5)})


def bound(distance: float, free: int) -> float:
    """Agrawal's, for one kind more than are free."""
    return math.exp(-distance) * (math.e * distance / free) ** free


@pytest.mark.parametrize(
    ("ranges", "drawn", "expected"),
    [
        (COIN.of, "a" * 20, bound(20 * math.log(2), 1)),
        ({**COIN.of, "c": (0.0, 0.0)}, "a" * 20, bound(20 * math.log(2), 1)),
        (dict.fromkeys("abcd", (0.25, 0.25)), "a" * 20, bound(20 * math.log(4), 3)),
        (COIN.of, "a", 1.0),
        ({"a": (1.0, 1.0)}, "a" * 20, 1.0),
        ({"a": (1.0, 1.0)}, "b", 0.0),
        # What was not drawn has the least that it may have: a and b have 0.4 each.
        (
            {"a": (0.3, 0.7), "b": (0.1, 0.5), "c": (0.2, 0.4)},
            "ab" * 50,
            bound(100 * math.log(1.25), 2),
        ),
        # What was drawn too often has the most: b has 0.5, and a as much.
        ({"a": (0.3, 0.7), "b": (0.1, 0.5)}, "b" * 40, bound(40 * math.log(2), 1)),
    ],
)
def test_the_bound_of_draws(ranges: dict[str, tuple[float, float]], drawn: str, expected: float):
    assert Ranges(ranges).probable(drawn) == pytest.approx(expected, rel=1e-9)


def test_the_middle_of_ranges_is_made_a_distribution() -> None:
    """0.5 and 0.25 are two thirds and one third."""
    ranges = Ranges({"a": (0.25, 1.0), "b": (0.25, 0.25)})
    assert ranges.likelihood("aab") == pytest.approx(math.log(4 / 27))


DRAWN = ["a", "b"] * 5
UNDER = 10 * math.log(0.5)
ALARMED = -math.log(ALARM / 2)


@pytest.mark.parametrize(
    ("others", "wrong"),
    [
        ([], False),
        ([-math.inf], False),
        ([UNDER + ALARMED + 0.01], True),
        ([UNDER + ALARMED - 0.01], False),
        ([UNDER + ALARMED + 0.01] * 3, True),
        ([UNDER + ALARMED - 0.01] * 3, False),
        ([UNDER + ALARMED + math.log(2) + 0.01, -math.inf], True),  # the mean of two ratios
        ([UNDER + ALARMED + math.log(2) - 0.01, -math.inf], False),
    ],
)
def test_ratios_refute_at_half_of_the_alarm(others: list[float], wrong: bool) -> None:
    assert frequencies._wrong(DRAWN, COIN, others) is wrong


@pytest.mark.parametrize(("times", "wrong"), [(2.02, True), (2.0, False), (1.98, False)])
def test_the_distance_refutes_at_half_of_the_alarm(monkeypatch, times: float, wrong: bool) -> None:
    drawn = ["a"] * 20
    monkeypatch.setattr(frequencies, "ALARM", times * COIN.probable(drawn))
    assert frequencies._wrong(drawn, COIN, []) is wrong


def exactly(a: float) -> Ranges:
    return Ranges({"a": (a, a), "b": (1 - a, 1 - a)})


def test_nothing_else_that_it_could_be_is_needed() -> None:
    distributed(DRAWN, COIN, [], what="it")
    with pytest.raises(Failed, match=r"^it does not give the distribution that it has to$"):
        distributed(["a"] * 50, COIN, [], what="it")


def test_all_that_fits_is_named_once_and_the_first_is_the_cause() -> None:
    """What is fifty times less likely than the best is not named."""
    drawn = ["a"] * 95 + ["b"] * 5
    one, two = ignored("`x`", exactly(0.95)), otherwise("It is late", exactly(0.95))
    far = otherwise("It is far", exactly(0.8))
    with pytest.raises(Failed) as raised:
        distributed(drawn, COIN, [one, two, one, far], what="it")
    assert raised.value.message == "`x` is accepted and ignored; or: It is late"
    assert raised.value.cause == "`x` is accepted and ignored"
    with pytest.raises(Silent):
        distributed(drawn, COIN, [one, far], what="it")


def test_another_one_is_named_down_to_a_fiftieth_of_the_best() -> None:
    drawn = ["a"] * 95 + ["b"] * 5
    best, likely = exactly(0.95), exactly(0.95).likelihood(drawn)
    for a, named in ((0.875, True), (0.865, False)):
        ratio = math.exp(exactly(a).likelihood(drawn) - likely)
        assert (ratio > 0.02) is named and 0.005 < ratio < 0.08
        assert exactly(a).probable(drawn) >= REFUTED
        with pytest.raises(Failed) as raised:
            found = [otherwise("One", best), otherwise("Two", exactly(a))]
            distributed(drawn, COIN, found, what="it")
        assert raised.value.message == ("One; or: Two" if named else "One")


def test_what_is_a_thousand_times_less_likely_is_told_apart() -> None:
    """Per answer, a fair coin is likelier by 0.223 nats than one of 4 to 1: 31 of them do."""
    other = otherwise("It is biased", exactly(0.8))
    assert exactly(0.8).probable(["a", "b"] * 16) >= REFUTED
    distributed(["a", "b"] * 16, COIN, [other], what="it")
    with pytest.raises(Inconclusive) as raised:
        distributed(["a", "b"] * 15, COIN, [other], what="it")
    assert raised.value.message == (
        "30 answers do not tell it apart from this: It is biased. More of them would decide"
    )


def test_another_one_that_is_refuted_needs_no_ratio() -> None:
    """Its range is wide upwards, so that it is never less likely, and yet it is too far away."""
    wide = Ranges({"a": (0.9, 1.0), "b": (0.0, 0.3), "c": (0.0, 1.0)})
    assert wide.probable(["a", "b"] * 14) < REFUTED
    distributed(["a", "b"] * 14, COIN, [otherwise("It is wide", wide)], what="it")


def test_the_twelve_commonest_answers_are_shown() -> None:
    drawn = [letter for number, letter in enumerate("abcdefghijklmn") for _ in range(20 - number)]
    with pytest.raises(Failed) as raised:
        distributed(drawn, COIN, [], what="it")
    shown = ", ".join(f"{each!r} {(20 - n) / 189:.3f}" for n, each in enumerate("abcdefghijkl"))
    assert raised.value.actual == f"{shown} (189 answers)"


# What parameters make of two and three tokens -------------------------------------------------

TWO = Known(
    {(): {"A": 0.5, "B": 0.5}, ("A",): {"A": 0.8, "B": 0.2}, ("B",): {"A": 0.25, "B": 0.75}}
)
THREE = Known(
    {
        before: {"A": 0.5, "B": 0.5}
        for before in ((), *[(a,) for a in "AB"], *[(a, b) for a in "AB" for b in "AB"])
    }
)


def of_answers(tokens: int, rest: float, heat: float = 1.0, **shares: float):
    """As ranges: 3% either way per token, more at a low temperature; and 1% that others take."""
    spread = math.exp(0.06 * tokens / heat)
    ranges = {
        answer: (share / spread * 0.99**tokens, min(1.0, share * spread))
        for answer, share in shares.items()
    }
    return {OTHER: pytest.approx((0.0, rest))} | {
        answer: pytest.approx(each) for answer, each in ranges.items()
    }


BOTH = {"AA": 0.4, "AB": 0.1, "BA": 0.125, "BB": 0.375}


@pytest.mark.parametrize(
    ("parameters", "tokens", "expected"),
    [
        ({}, 2, of_answers(2, 0.02, **BOTH)),
        ({"temperature": 2.0, "allowed_token_ids": "A"}, 1, {
            OTHER: (0.0, 0.0), "A": (1.0, 1.0)
        }),
        ({"temperature": 0.5}, 1, of_answers(1, 0.01, 0.5, A=0.5, B=0.5)),
        ({"temperature": 2.0}, 1, of_answers(1, 0.01, 1.0, A=0.5, B=0.5)),
        ({"temperature": 0.5}, 2, of_answers(
            2, 0.02, 0.5, AA=8 / 17, AB=0.5 / 17, BA=0.05, BB=0.45)),
        ({"logit_bias": {"A": 1000.0}}, 1, of_answers(1, 0.01, A=1.0, B=0.0)),
        # After A nothing is left, whatever comes then.
        ({"bad_words": [("A", "A"), ("A", "B")]}, 2, of_answers(2, 0.52, BA=0.125, BB=0.375)),
        ({"bad_words": [("A",), ("B",)]}, 1, {OTHER: (0.0, 1.0)}),
        ({"structured_outputs": [("A", "B"), ("B",)]}, 2, of_answers(2, 0.52, AB=0.5)),
        ({"min_p": 0.5, "allowed_token_ids": ["A", "B"]}, 2, of_answers(2, 0.0, AA=0.5, BB=0.5)),
    ],
)  # fmt: skip
def test_answers_of_two_tokens(parameters, tokens: int, expected) -> None:
    assert TWO.answers(parameters, tokens).of == expected


def test_a_word_of_one_token_is_kept_out_everywhere() -> None:
    assert set(THREE.answers({"bad_words": [("A",)]}, 3).of) == {OTHER, "BBB"}


def test_the_only_answer_is_certain() -> None:
    found = TWO.answers({"allowed_token_ids": ["A"]}, 2).of
    assert found == {OTHER: (0.0, 0.0), "AA": (1.0, 1.0)}


def test_a_word_of_three_tokens_is_kept_out_where_it_would_end() -> None:
    found = THREE.answers({"bad_words": [("A", "B", "A")]}, 3).of
    spread = math.exp(0.18)
    shares = {answer: most / spread for answer, (_, most) in found.items() if answer != OTHER}
    eight = {a + b + c: 0.125 for a in "AB" for b in "AB" for c in "AB" if a + b + c != "ABA"}
    assert shares == pytest.approx({**eight, "ABB": 0.25})


@pytest.mark.parametrize(
    ("name", "thrice"), [("frequency_penalty", 2.0), ("presence_penalty", 1.0)]
)
def test_penalties_count_what_was_said(name: str, thrice: float) -> None:
    """By how much a token lacks behind the other that was never said, in nats."""
    found = THREE.answers({name: 1.0}, 3).of
    expected = 0.5 / (1 + math.e) / (1 + math.exp(thrice))
    assert found["AAA"][1] == pytest.approx(expected * math.exp(0.18), rel=1e-6)
    assert found["ABA"][1] == pytest.approx(
        0.5 * math.e / (1 + math.e) * 0.5 * math.exp(0.18), rel=1e-6
    )


def test_a_share_of_the_likeliest_that_is_met_exactly_is_enough() -> None:
    halves = Known({(): {"A": 0.5, "B": 0.25, "C": 0.2}})
    assert set(halves.answers({"min_p": 0.5}, 1).of) == {OTHER, "A", "B"}


def test_the_stated_probability_of_answers() -> None:
    assert TWO.likeliest(2) == pytest.approx(BOTH)
    assert TWO.likeliest(1) == {"A": 0.5, "B": 0.5}


def messages(found: list[Explanation]) -> list[str]:
    return [each.judgement.message for each in found]


FOUR = Known({(): {"A": 0.5, "B": 0.25, "C": 0.125, "D": 0.125}})
LIKELIEST = "Every answer is the likeliest one, and none is drawn"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"top_k": 2}, ["`top_k` is accepted and ignored", LIKELIEST]),
        (
            {"temperature": 0.5, "top_p": 0.7},
            [
                "`temperature` is accepted and ignored",
                "`top_p` is accepted and ignored",
                "`temperature` with `top_p` is accepted and ignored",
                "`top_p`, then `temperature`: production applies `temperature`, then `top_p`",
            ],
        ),
        # Cut to the likeliest before it is excluded, nothing is left: that tells nothing.
        (
            {"top_k": 1, "allowed_token_ids": ["B", "C"]},
            [
                "`top_k` is accepted and ignored",
                "`allowed_token_ids` is accepted and ignored",
                "`top_k` with `allowed_token_ids` is accepted and ignored",
            ],
        ),
    ],
)
def test_what_else_a_target_may_do(parameters, expected: list[str]) -> None:
    assert messages(FOUR.explanations(parameters, 1)) == expected


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ({"a": (0.4, 0.6)}, {"a": (0.6, 0.8)}, True),
        ({"a": (0.4, 0.6)}, {"a": (0.61, 0.8)}, False),
        ({"a": (0.4, 0.6)}, {"a": (0.45, 0.5)}, True),
        ({"a": (0.4, 0.6), "b": (0.1, 0.2)}, {"a": (0.4, 0.6)}, False),
        ({"a": (0.4, 0.6), "b": (0.0, 0.2)}, {"a": (0.4, 0.6)}, True),
        ({"a": (0.4, 0.6), "b": (0.3, 0.4)}, {"a": (0.4, 0.6), "b": (0.1, 0.2)}, False),
    ],
)
def test_ranges_that_overlap_cannot_be_told_apart(one, other, alike: bool) -> None:
    assert _alike(Ranges(one), Ranges(other)) is alike
    assert _alike(Ranges(other), Ranges(one)) is alike
