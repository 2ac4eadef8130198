"""The test of drawn answers keeps its promised rate of false alarms, and its order is vLLM's."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter

import pytest

from conformance import catalogue
from conformance.compare import frequencies
from conformance.compare.frequencies import ALARM, MOST, OTHER, Ranges
from conformance.compare.transformed import STEPS, Known
from conformance.outcomes import Failed, Inconclusive, Judgement, Silent


def exactly(probabilities: dict[str, float]) -> Ranges:
    return Ranges({kind: (share, share) for kind, share in probabilities.items()})


def draw(probabilities: dict[str, float], count: int, seed: int = 1) -> list[str]:
    return random.Random(seed).choices(list(probabilities), list(probabilities.values()), k=count)


@pytest.mark.parametrize("count", [12, 48])
def test_the_bound_is_above_the_exact_tail(count):
    """All outcomes of three kinds, with their probabilities: the bound is never below the tail."""
    shares = {"a": 0.6, "b": 0.3, "c": 0.1}
    ranges = exactly(shares)
    outcomes = []
    for a, b in itertools.product(range(count + 1), repeat=2):
        if (c := count - a - b) < 0:
            continue
        chance = math.comb(count, a) * math.comb(count - a, b) * 0.6**a * 0.3**b * 0.1**c
        outcomes.append((ranges.probable("a" * a + "b" * b + "c" * c), chance))
    assert math.fsum(chance for _, chance in outcomes) == pytest.approx(1)
    for bound in (0.5, 1e-2, 1e-4, 1e-8):
        assert math.fsum(chance for found, chance in outcomes if found <= bound) <= bound


def test_no_false_alarm_in_a_simulation_of_many_runs():
    """20,000 comparisons of true distributions, several sizes and shapes."""
    shapes = [
        {"a": 0.9, "b": 0.1},
        {"a": 0.5, "b": 0.25, "c": 0.125, "d": 0.125},
        dict.fromkeys("abcdefghijklmnop", 1 / 16),
    ]
    source, unlikely = random.Random(20261123), Counter()
    for number in range(20_000):
        shares = shapes[number % len(shapes)]
        size = (48, 200)[number % 2]
        drawn = source.choices(list(shares), list(shares.values()), k=size)
        probability = exactly(shares).probable(drawn)
        for bound in (1e-1, 1e-2, 1e-3):
            unlikely[bound] += probability < bound
    assert unlikely[1e-1] <= 2000 and unlikely[1e-2] <= 200 and unlikely[1e-3] <= 20


def test_the_whole_judgement_blames_a_true_target_no_oftener_than_is_stated(monkeypatch):
    """2,000 runs of what requirements do, by distance and by ratio, at a rate that can be counted:
    one in two is allowed, one in a hundred was seen, and none at one in fifty."""
    monkeypatch.setattr(frequencies, "ALARM", 0.5)
    asked = [{"temperature": 2.0, "min_p": 0.3}, {"temperature": 2.0}, {"logit_bias": {"A": -1.0}}]
    source, runs, blamed = random.Random(20261123), 2_000, 0
    for number in range(runs):
        parameters = asked[number % len(asked)]
        tops = {kind: top for kind, (_, top) in HALVES.answers(parameters, 1).of.items()}
        shares = {kind: top / sum(tops.values()) for kind, top in tops.items() if top}
        drawn = source.choices(list(shares), list(shares.values()), k=(20, 100)[number % 2])
        others = HALVES.explanations(parameters, 1)
        try:
            frequencies.distributed(drawn, exactly(shares), others, what="a parameter")
        except (Failed, Silent):
            blamed += 1
        except Inconclusive:
            pass
    assert 0 < blamed <= runs / 2


def test_a_run_stays_within_the_budget():
    made = [each for each in catalogue.requirements() if each.id.startswith("api/sampling/")]
    assert 60 <= len(made) <= MOST
    assert ALARM * MOST <= 1e-6 * (1 + 1e-9)


def test_what_cannot_come_needs_one_draw():
    ranges = exactly({"a": 0.5, "b": 0.5})
    assert ranges.probable(["a"] * 5 + ["b"] * 4 + ["c"]) == 0
    wider = Ranges({"a": (0.4, 0.5), "b": (0.4, 0.5), OTHER: (0.0, 0.2)})
    assert wider.probable(["a"] * 5 + ["b"] * 4 + ["c"]) == 1


def test_the_nearest_distribution_in_the_ranges_counts():
    near = Ranges({"a": (0.45, 0.55), "b": (0.45, 0.55)})
    drawn = ["a"] * 1100 + ["b"] * 900
    assert near.probable(drawn) == 1
    assert exactly({"a": 0.5, "b": 0.5}).probable(drawn) < 0.01


HALVES = Known({(): {"A": 0.5, "B": 0.25, "C": 0.125, "D": 0.125}})


def judged(drawn, parameters):
    frequencies.distributed(
        drawn,
        HALVES.answers(parameters, 1),
        HALVES.explanations(parameters, 1),
        what="a parameter",
    )


def test_the_judgement_names_what_happened():
    parameters = {"temperature": 0.5, "top_p": 0.7}
    judged(draw({"A": 1.0}, 300), parameters)
    with pytest.raises(Silent, match="`top_p` is accepted and ignored"):
        judged(draw({"A": 16 / 22, "B": 4 / 22, "C": 1 / 22, "D": 1 / 22}, 300), parameters)
    with pytest.raises(Failed, match="`top_p`, then `temperature`: production"):
        judged(draw({"A": 0.8, "B": 0.2}, 300), parameters)
    with pytest.raises(Failed, match="does not give"):
        judged(["D"] * 300, parameters)


DRAWN = ["A"] * 218 + ["B"] * 55 + ["C"] * 14 + ["D"] * 13


@pytest.mark.parametrize(
    ("drawn", "cause", "shown"),
    [
        (DRAWN, "`top_p` is accepted and ignored", "'A' 0.727, 'B' 0.183, 'C' 0.047, 'D' 0.043"),
        (["D"] * 300, "Sampled answers have another distribution", "'D' 1.000"),
        (["A"] * 4, "Too few sampled answers to decide", "'A' 1.000"),
    ],
)
def test_both_distributions_are_shown(drawn, cause, shown):
    with pytest.raises(Judgement) as raised:
        judged(drawn, {"temperature": 0.5, "top_p": 0.7})
    found = raised.value
    assert (found.cause, found.expected) == (cause, "'A' 1.000")
    assert found.actual == f"{shown} ({len(drawn)} answers)"


def test_a_distribution_in_words_has_its_twelve_likeliest():
    many = {str(n): (n / 100, n / 50) for n in range(14)}
    likeliest = ", ".join(f"'{n}' {n * 0.015:.3f}" for n in range(13, 1, -1))
    assert str(Ranges({**many, OTHER: (0.0, 1.0)})) == f"{likeliest}, …"
    assert str(Ranges(dict(list(many.items())[:13]))) == (
        ", ".join(f"'{n}' {n * 0.015:.3f}" for n in range(12, 0, -1))
    )


def test_the_likelihood_is_that_of_the_middle_and_the_greatest_that_of_the_top():
    ranges = Ranges({"a": (0.4, 0.9), "b": (0.1, 0.4), OTHER: (0.0, 0.8)})
    drawn = ["a", "a", "b", "x"]
    assert ranges.likelihood(drawn) == pytest.approx(math.log(0.6**2 * 0.2 * 0.2))
    assert ranges.greatest(drawn) == pytest.approx(math.log(0.9**2 * 0.4 * 0.8))
    assert exactly({"a": 1.0}).likelihood(["b"]) == -math.inf


def test_greedy_answers_are_called_so():
    with pytest.raises(Failed, match="none is drawn"):
        judged(["A"] * 100, {"temperature": 1})


def test_too_few_answers_decide_nothing():
    with pytest.raises(Inconclusive, match="4 answers do not tell"):
        judged(["A", "B", "A", "A"], {"top_k": 3})


def test_steps_are_in_the_order_of_vllm():
    assert list(STEPS) == [
        "structured_outputs", "allowed_token_ids", "bad_words", "logit_bias",
        "frequency_penalty", "presence_penalty", "temperature", "min_p", "top_k", "top_p",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "wanted"),
    [
        ({"top_k": 2}, {"A": 2 / 3, "B": 1 / 3}),
        ({"top_p": 0.6}, {"A": 2 / 3, "B": 1 / 3}),
        ({"min_p": 0.3}, {"A": 2 / 3, "B": 1 / 3}),
        ({"allowed_token_ids": ["B", "D"]}, {"B": 2 / 3, "D": 1 / 3}),
        ({"temperature": 0.5, "top_k": 2}, {"A": 0.8, "B": 0.2}),
        ({"logit_bias": {"A": -100.0}, "top_k": 1}, {"B": 1.0}),
    ],
)
def test_what_parameters_make_of_a_distribution(parameters, wanted):
    found = HALVES.answers(parameters, 1).of
    for token, share in wanted.items():
        assert found[token][0] <= share <= found[token][1]
        assert found[token][1] < share * 1.2
    assert {token for token, (_, most) in found.items() if most and token != OTHER} == set(wanted)
