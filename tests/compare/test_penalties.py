"""What a penalty must change follows from the alternatives, and wrong changes are told apart."""

from __future__ import annotations

import pytest
from verdicts import Said, said

from conformance.compare import penalties
from conformance.compare.logprobs import Step
from conformance.compare.penalties import Change
from conformance.outcomes import Failed, Inconclusive, Silent

ONES = [Step("1", {"1": -0.5, "2": -1.5, "3": -2.0, "x": -9.0})] * 3
"""Goes on with ones; a penalty of 2 makes the second token a 2."""


def test_the_first_repetition_changes():
    assert penalties.first_change(ONES, presence=2.0) == Change("1", "1", ("2",))
    assert penalties.first_change(ONES, frequency=2.0) == Change("1", "1", ("2",))


def test_a_frequency_penalty_adds_up():
    sure = [Step("1", {"1": -0.1, "2": -5.0, "x": -9.0})] * 5
    assert penalties.first_change(sure, presence=2.0) is None
    assert penalties.first_change(sure, frequency=2.0) == Change("111", "1", ("2",))


def test_what_is_a_margin_ahead_is_decided():
    """By exactly 0.25: the token that must change is behind, and an unlisted one is no rival."""
    ahead = Step("a", {"a": -0.5, "b": -0.75})
    assert penalties.first_change([ahead, Step("a", {"a": -0.5, "b": -0.5})], presence=0.25) == (
        Change("a", "a", None)
    )
    listed = Step("a", {"a": -0.5, "b": -0.5, "c": -0.75})
    assert penalties.first_change([ahead, listed], presence=0.25) == Change("a", "a", ("b",))
    assert penalties.first_change([ahead, ahead]) is None


def test_near_ties_after_the_penalty_are_all_right():
    close = [Step("1", {"1": -0.5, "2": -1.5, "3": -1.6, "x": -9.0})] * 2
    assert penalties.first_change(close, presence=2.0) == Change("1", "1", ("2", "3"))


def test_unlisted_tokens_may_win_where_the_list_is_short():
    short = [Step("1", {"1": -0.5, "2": -1.5})] * 2
    assert penalties.first_change(short, presence=2.0) == Change("1", "1", None)


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [Step("1", {})],
        [Step("1", {"2": -0.5})],
        [Step("1", {"1": -0.5, "2": -0.6, "x": -9.0})] * 2,
        ONES[:1],
    ],
    ids=["empty", "no-alternatives", "token-missing", "near-tie", "no-repetition"],
)
def test_nothing_is_decided(steps):
    assert penalties.first_change(steps, presence=2.0) is None


def applied(penalised, steps=ONES):
    penalties.applied("presence_penalty", "111", penalised, steps, presence=2.0)


def test_the_change_that_must_come_passes():
    applied("123")
    applied("12")


def test_an_unchanged_answer_is_silent():
    with pytest.raises(Silent, match="ignored"):
        applied("111")


@pytest.mark.parametrize("penalised", ["211", "131", ""], ids=["prompt-counted", "other", "empty"])
def test_another_change_fails(penalised):
    with pytest.raises(Failed, match="otherwise"):
        applied(penalised)


def test_without_logprobs_a_change_passes_and_none_is_inconclusive():
    applied("123", steps=None)
    with pytest.raises(Inconclusive, match="logprobs"):
        applied("111", steps=None)


def test_tokens_that_do_not_spell_the_text_are_as_none():
    spelled = [Step("Ġ1", {"Ġ1": -0.5, "Ġ2": -1.5, "x": -9.0})] * 3
    applied("123", steps=spelled)
    with pytest.raises(Inconclusive, match="logprobs"):
        applied("111", steps=spelled)


def test_the_end_token_may_follow_the_text():
    with pytest.raises(Silent):
        applied("111", steps=[*ONES, Step("<end>", {"<end>": -0.1, "1": -5.0})])


def test_nothing_that_must_change_is_inconclusive():
    with pytest.raises(Inconclusive, match="repeats"):
        applied("111", steps=ONES[:1])


SHORT = [Step("1", {"1": -0.5, "2": -1.5})] * 2
CLOSE = [Step("1", {"1": -0.5, "2": -1.5, "3": -1.6, "x": -9.0})] * 2


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (
            lambda: penalties.applied("presence_penalty", "111", "111", ONES, presence=2.0),
            Said(
                Silent,
                "`presence_penalty` is accepted and ignored",
                "'1', then not '1' but '2'",
                "111",
            ),
        ),
        (
            lambda: penalties.applied("presence_penalty", "111", "131", ONES, presence=2.0),
            Said(
                Failed,
                "`presence_penalty` changes the answer otherwise than its definition says",
                "'1', then not '1' but '2'",
                "131",
            ),
        ),
        (lambda: penalties.applied("presence_penalty", "11", "121", SHORT, presence=2.0), None),
        (
            lambda: penalties.applied("presence_penalty", "11", "11", SHORT, presence=2.0),
            Said(Silent, "`presence_penalty` is accepted and ignored", "'1', then not '1'", "11"),
        ),
        (
            lambda: penalties.applied("presence_penalty", "11", "2", SHORT, presence=2.0),
            Said(
                Failed,
                "`presence_penalty` changes the answer otherwise than its definition says",
                "'1', then not '1'",
                "2",
            ),
        ),
        (
            lambda: penalties.applied("presence_penalty", "11", "14", CLOSE, presence=2.0),
            Said(
                Failed,
                "`presence_penalty` changes the answer otherwise than its definition says",
                "'1', then not '1' but '2' or '3'",
                "14",
            ),
        ),
        (lambda: penalties.applied("presence_penalty", "11", "13", CLOSE, presence=2.0), None),
        (
            lambda: penalties.applied("presence_penalty", "111", "111", None, presence=2.0),
            Said(
                Inconclusive,
                (
                    "What `presence_penalty` must change does not follow from the answer: logprobs "
                    "that spell the text would decide"
                ),
                None,
                "111",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: penalties.applied("presence_penalty", "111", "111", ONES[:1], presence=2.0),
            Said(
                Inconclusive,
                (
                    "What `presence_penalty` must change does not follow from the answer: a prompt "
                    "whose answer repeats a token would decide"
                ),
                None,
                "111",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: penalties.applied("presence_penalty", "xyz", "xyz", ONES, presence=2.0),
            Said(
                Inconclusive,
                (
                    "What `presence_penalty` must change does not follow from the answer: logprobs "
                    "that spell the text would decide"
                ),
                None,
                "xyz",
                cause="The model's own answer does not allow the check",
            ),
        ),
    ],
)
def test_what_is_said_of_them(check, verdict):
    assert said(check) == verdict
