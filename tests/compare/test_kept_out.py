"""Words and tokens that are to be kept out of an answer: what counts as coming all the same."""

from __future__ import annotations

import pytest

from conformance.api.prompts import GENERAL
from conformance.compare import extensions
from conformance.outcomes import Failed, Silent

PLAIN = "window garden silver"


@pytest.mark.parametrize("found", ["windows silver winter", " garden silver", ""])
def test_another_word_keeps_a_word_out(found):
    extensions.without("bad_words", PLAIN, found, "window")


@pytest.mark.parametrize("found", ["window silver", " window, garden", "window"])
def test_the_word_itself_does_not(found):
    with pytest.raises(Failed, match="does not keep the word out"):
        extensions.without("bad_words", PLAIN, found, "window")


def test_the_plain_answer_says_that_nothing_was_kept_out():
    with pytest.raises(Silent):
        extensions.without("bad_words", PLAIN, PLAIN, "window")


def test_a_token_recurs_in_spite_of_its_penalty():
    plain = ["1", " ", "1"]
    extensions.penalised(plain, ["7", "8", "9"], {" "})
    extensions.penalised(plain, ["7", " ", " "], {" "})  # penalised from the first on
    with pytest.raises(Failed, match="recur"):
        extensions.penalised(plain, ["7", " ", "7"], {" "})
    with pytest.raises(Silent):
        extensions.penalised(plain, plain, {" "})


def test_a_general_model_is_heated_where_it_is_sure():
    assert GENERAL.heated == GENERAL.words
