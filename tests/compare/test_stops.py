"""Stop strings are chosen well, and each way to miss one is told apart."""

from __future__ import annotations

import pytest
from verdicts import Said, said

from conformance.compare import stops
from conformance.outcomes import Failed, Inconclusive, Silent

ANSWER = "window garden silver winter"


def test_stop_strings_are_chosen_from_the_answer():
    assert stops.word(ANSWER) == " silver"
    assert stops.straddling(ANSWER) == "rden si"
    assert stops.later(ANSWER) == " garden"
    assert stops.later("one two") == " two"
    assert stops.word("one two and") == stops.word("one two and a") == " and"
    assert stops.character("a 🙃🙂") == "🙃"
    assert stops.begun("ab") == "b<#1>"


@pytest.mark.parametrize("choose", [stops.word, stops.straddling, stops.later, stops.character])
@pytest.mark.parametrize("answer", ["", "one", " ", "\n"])
def test_an_answer_without_words_is_inconclusive(choose, answer):
    with pytest.raises(Inconclusive):
        choose(answer)


def test_the_text_before_the_stop_string_passes():
    stops.stopped(ANSWER, "window ga", "stop", "rden si")
    stops.stopped("🙃🙂", "", "stop", "🙃")
    stops.stopped("one two one two", "one", "stop", " two")


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (
            lambda: stops.word("one two"),
            Said(
                Inconclusive,
                (
                    "No stop string can be chosen from the answer 'one two': another prompt would "
                    "decide"
                ),
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: stops.word("one two th"),
            Said(
                Inconclusive,
                (
                    "No stop string can be chosen from the answer 'one two th': another prompt "
                    "would decide"
                ),
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: stops.straddling("one tw three"),
            Said(
                Inconclusive,
                (
                    "No stop string can be chosen from the answer 'one tw three': another prompt "
                    "would decide"
                ),
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: stops.later("one"),
            Said(
                Inconclusive,
                ("No stop string can be chosen from the answer 'one': another prompt would decide"),
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: stops.begun(""),
            Said(
                Inconclusive,
                "No stop string can be chosen from the answer '': another prompt would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda: stops.character("aé東"),
            Said(
                Inconclusive,
                "The answer 'aé東' has no character of four bytes: another prompt would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (lambda: stops.stopped(ANSWER, "window ga", "stop", "rden si"), None),
        (
            lambda: stops.stopped(ANSWER, ANSWER, "stop", "rden si"),
            Said(
                Silent, "`stop` is accepted and ignored", "window ga", "window garden silver winter"
            ),
        ),
        (
            lambda: stops.stopped(ANSWER, "window garden silver", "length", "rden si"),
            Said(Silent, "`stop` is accepted and ignored", "window ga", "window garden silver"),
        ),
        (
            lambda: stops.stopped(ANSWER, "window garden si", "stop", "rden si"),
            Said(Failed, "The stop string is left in the answer", "window ga", "window garden si"),
        ),
        (
            lambda: stops.stopped(ANSWER, "window garden", "stop", "rden si"),
            Said(
                Failed,
                "Part of the stop string is left in the answer",
                "window ga",
                "window garden",
            ),
        ),
        (
            lambda: stops.stopped(ANSWER, "window galver", "stop", "rden si"),
            Said(
                Failed,
                "Text after the stop string is left in the answer",
                "window ga",
                "window galver",
            ),
        ),
        (
            lambda: stops.stopped(ANSWER, "window", "stop", "rden si"),
            Said(Failed, "The answer ends before the stop string", "window ga", "window"),
        ),
        (
            lambda: stops.stopped(ANSWER, "window ga", "length", "rden si"),
            Said(
                Failed,
                "An answer that a stop string ended gives another finish reason",
                "stop",
                "length",
            ),
        ),
        (
            lambda: stops.stopped(ANSWER, "door", "stop", "rden si"),
            Said(
                Inconclusive,
                (
                    "Two greedy answers differ before the stop string: a repeatable target would "
                    "decide"
                ),
                "window ga",
                "door",
                cause="Greedy answers do not repeat",
            ),
        ),
    ],
)
def test_each_way_to_miss_it(check, verdict):
    assert said(check) == verdict
