"""Tokens by their text, and the checks of bias and prompts, on a vocabulary of eight words."""

from __future__ import annotations

import json

import pytest
from tokenizers import AddedToken, models, pre_tokenizers
from tokenizers import Tokenizer as Fast

from conformance.compare import vocabulary
from conformance.compare.tokens import Tokenizer
from conformance.outcomes import Failed, Inconclusive, Silent

TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
    "{{ m.content }} {% endfor %}"
)
ONE, TWO = {"role": "system", "content": "the"}, {"role": "user", "content": "banana"}


@pytest.fixture
def tokenizer(tmp_path):
    words = ["[UNK]", "the", "banana", "and", "yellow", "elephant", "red"]
    fast = Fast(models.WordLevel({word: id for id, word in enumerate(words)}, "[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast.add_special_tokens([AddedToken("<end>", special=True)])
    fast.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    return Tokenizer(tmp_path)


def test_the_prompt_is_counted_as_the_template_makes_it(tokenizer):
    vocabulary.whole_prompt(tokenizer, [ONE, TWO], 2)
    with pytest.raises(Silent, match="dropped"):
        vocabulary.whole_prompt(tokenizer, [ONE, TWO], 1)
    with pytest.raises(Failed):
        vocabulary.whole_prompt(tokenizer, [ONE, TWO], 3)


def test_a_template_that_refuses_is_nobodys_fault(tokenizer):
    with pytest.raises(Inconclusive, match="no tools"):
        vocabulary.chat_prompt(tokenizer, [{"role": "tool", "content": "the"}])


def test_ids_without_special_tokens(tokenizer):
    assert vocabulary.plain_ids(tokenizer, "the red <end>") == [1, 6]


def test_a_word_that_the_answer_lacks(tokenizer):
    assert vocabulary.word_outside(tokenizer, "the banana") == 3


def test_no_word_left_is_inconclusive(tokenizer):
    with pytest.raises(Inconclusive):
        vocabulary.word_outside(tokenizer, "the banana and yellow elephant")


def test_spellings_of_a_word(tokenizer):
    assert vocabulary.spelling(tokenizer, " red") == [6]


@pytest.mark.parametrize("word", ["", " ", "blue"])
def test_a_word_that_no_token_spells_is_inconclusive(tokenizer, word):
    with pytest.raises(Inconclusive):
        vocabulary.spelling(tokenizer, word)


def test_a_forced_token(tokenizer):
    vocabulary.forced(tokenizer, 6, 3, " red red red")
    with pytest.raises(Silent):
        vocabulary.forced(tokenizer, 6, 3, "the banana and")
    with pytest.raises(Failed):
        vocabulary.forced(tokenizer, 6, 3, "red banana and")


def test_a_banned_word():
    vocabulary.banned("red", "blue")
    with pytest.raises(Silent):
        vocabulary.banned("red", " red")


def test_special_tokens_in_a_text_fail(tokenizer):
    vocabulary.without_special_tokens(tokenizer, "the end")
    with pytest.raises(Failed, match="special token"):
        vocabulary.without_special_tokens(tokenizer, "the <end>")


def test_a_template_that_does_not_read_a_variable_decides_nothing(tokenizer):
    vocabulary.template_with(tokenizer, "messages")
    with pytest.raises(Inconclusive, match="does not read"):
        vocabulary.template_with(tokenizer, "documents")
