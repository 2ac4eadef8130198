"""Every case tells production from a target that ignores it or applies it in another order."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from conformance.api.sampling import cases
from conformance.api.sampling.cases import known
from conformance.api.sampling.drawing import DRAWS, SINGLE
from conformance.compare import frequencies
from conformance.compare.frequencies import ALARM, REFUTED, Ranges, distributed
from conformance.compare.transformed import ERROR, Known
from conformance.outcomes import Failed, Inconclusive, Silent

CASES = {**cases.OPENAI, **cases.RARER, **cases.TOGETHER}


def drawn_from(ranges: Ranges, seed: int) -> list[str]:
    """Draws from about the middle of the ranges."""
    middle = {
        kind: (least * most) ** 0.5 if least else most / 4
        for kind, (least, most) in ranges.of.items()
    }
    return random.Random(seed).choices(list(middle), list(middle.values()), k=DRAWS)


@pytest.mark.parametrize("name", CASES)
def test_production_passes(name):
    case = CASES[name]
    prompt = known(case.prompt)
    expected = prompt.answers(case.parameters, case.tokens)
    others = prompt.explanations(case.parameters, case.tokens)
    assert others, "nothing could be told from production"
    for seed in range(5):
        distributed(drawn_from(expected, seed), expected, others, what=name)


@pytest.mark.parametrize("name", CASES)
def test_every_other_way_is_caught(name):
    case = CASES[name]
    prompt = known(case.prompt)
    expected = prompt.answers(case.parameters, case.tokens)
    for seed, other in enumerate(prompt.explanations(case.parameters, case.tokens)):
        drawn = drawn_from(other.ranges, seed)
        assert expected.probable(drawn) < ALARM, other.judgement.message
        assert other.ranges.probable(drawn) >= REFUTED


@pytest.mark.parametrize("name", ["temperature-top-p", "penalties", "min-p", "choice-temperature"])
def test_the_rate_of_false_alarms_is_kept(name, monkeypatch):
    """With an alarm of 1 in 10, at most 1 in 10 of true samples raise it, whatever their size."""
    monkeypatch.setattr(frequencies, "ALARM", 0.1)
    case = CASES[name]
    prompt = known(case.prompt)
    expected = prompt.answers(case.parameters, case.tokens)
    others = prompt.explanations(case.parameters, case.tokens)
    alarms = 0
    for seed in range(300):
        with suppress(Inconclusive):
            try:
                distributed(drawn_from(expected, seed)[: 16 + seed], expected, others, what=name)
            except (Silent, Failed):
                alarms += 1
    assert alarms <= 30


@pytest.mark.parametrize("name", CASES)
def test_few_answers_never_blame(name):
    """Where a target gives one answer a request, fewer are drawn: PASS or INCONCLUSIVE."""
    case = CASES[name]
    prompt = known(case.prompt)
    expected = prompt.answers(case.parameters, case.tokens)
    others = prompt.explanations(case.parameters, case.tokens)
    for seed in range(5):
        with suppress(Inconclusive):
            distributed(drawn_from(expected, seed)[:SINGLE], expected, others, what=name)


@pytest.mark.parametrize("name", CASES)
def test_an_engine_s_rounding_keeps_the_same_tokens(name):
    """Where a threshold cuts, no token is so near to it that rounding decides."""
    case = CASES[name]
    prompt = known(case.prompt)
    wanted = set(prompt.answers(case.parameters, case.tokens).of)
    source = random.Random(7)
    for _ in range(20):
        rounded = Known(
            {
                before: {t: p * (1 + source.uniform(-ERROR, ERROR)) for t, p in step.items()}
                for before, step in prompt.steps.items()
            }
        )
        assert set(rounded.answers(case.parameters, case.tokens).of) == wanted


@pytest.mark.parametrize("name", CASES)
def test_requests_name_tokens_by_id(name):
    body = CASES[name].body()
    assert all(key.isdigit() for key in body.get("logit_bias", {}))
    assert all(isinstance(each, int) for each in body.get("allowed_token_ids", []))
    assert all(isinstance(each, str) for each in body.get("bad_words", []))
