"""Stop strings are chosen well, and each way to miss one is told apart."""

from __future__ import annotations

import pytest

from conformance.compare import stops
from conformance.outcomes import Failed, Inconclusive, Silent

ANSWER = "window garden silver winter"


def test_stop_strings_are_chosen_from_the_answer():
    assert stops.word(ANSWER) == " silver"
    assert stops.straddling(ANSWER) == "rden si"
    assert stops.later(ANSWER) == " garden"
    assert stops.character("a 🙃🙂") == "🙃"


@pytest.mark.parametrize("choose", [stops.word, stops.straddling, stops.later, stops.character])
@pytest.mark.parametrize("answer", ["", "one", " ", "\n"])
def test_an_answer_without_words_is_inconclusive(choose, answer):
    with pytest.raises(Inconclusive):
        choose(answer)


def test_the_text_before_the_stop_string_passes():
    stops.stopped(ANSWER, "window ga", "stop", "rden si")
    stops.stopped("🙃🙂", "", "stop", "🙃")


@pytest.mark.parametrize(
    ("answer", "finish_reason", "outcome", "message"),
    [
        (ANSWER, "stop", Silent, "ignored"),
        ("window garden silver", "length", Silent, "ignored"),
        ("window garden si", "stop", Failed, "is left in the answer"),
        ("window garden", "stop", Failed, "Part of the stop string"),
        ("window galver", "stop", Failed, "Text after"),
        ("window", "stop", Failed, "ends before"),
        ("", "stop", Failed, "ends before"),
        ("window ga", "length", Failed, "another finish reason"),
        ("door", "stop", Inconclusive, "differ"),
    ],
)
def test_each_way_to_miss_it(answer, finish_reason, outcome, message):
    with pytest.raises(outcome, match=message):
        stops.stopped(ANSWER, answer, finish_reason, "rden si")
