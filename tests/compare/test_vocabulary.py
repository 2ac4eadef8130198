"""Tokens by their text, and the checks of bias and prompts, on a vocabulary of eight words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, models, pre_tokenizers, processors
from tokenizers import Tokenizer as Fast
from verdicts import Said, said

from conformance.compare import vocabulary
from conformance.compare.tokens import Tokenizer
from conformance.outcomes import Failed, Inconclusive, Silent, SuiteError

TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
    "{{ m.content }} {% endfor %}"
)
ONE, TWO = {"role": "system", "content": "the"}, {"role": "user", "content": "banana"}


BEGINNING = (
    "{% for m in messages %}{{ m.content }} {% endfor %}"
    "{% if add_generation_prompt %}{{ mood or 'and' }}{% endif %}"
)


def fast() -> Fast:
    words = ["[UNK]", "the", "banana", "and", "yellow", "elephant", "red"]
    made = Fast(models.WordLevel({word: id for id, word in enumerate(words)}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens([AddedToken("<end>", special=True)])
    return made


def saved(folder: Path, made: Fast, **config: Any) -> Tokenizer:
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return Tokenizer(folder)


@pytest.fixture
def tokenizer(tmp_path):
    return saved(tmp_path, fast(), chat_template=TEMPLATE)


@pytest.fixture
def beginning(tmp_path):
    """One that begins texts with a special token, and whose template begins an answer."""
    made = fast()
    made.post_processor = processors.TemplateProcessing(
        single="<end> $A", special_tokens=[("<end>", 7)]
    )
    end = {"content": "<end>", "lstrip": False}
    folder = tmp_path / "beginning"
    folder.mkdir()
    return saved(folder, made, chat_template=BEGINNING, eos_token=end)


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


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (
            lambda small: vocabulary.whole_prompt(small, [ONE, TWO], 1),
            Said(Silent, "Messages before the last are dropped", "2", "1"),
        ),
        (
            lambda small: vocabulary.whole_prompt(small, [ONE, TWO], 3),
            Said(
                Failed,
                "`prompt_tokens` is not the length of the prompt that the chat template makes",
                "2",
                "3",
            ),
        ),
        (
            lambda small: vocabulary.chat_prompt(small, [{"role": "tool", "content": "the"}]),
            Said(
                Inconclusive,
                "The chat template refuses the messages: no tools: another model would decide",
                cause="The model's chat template refuses the messages",
            ),
        ),
        (
            lambda small: vocabulary.word_outside(small, "the banana and yellow elephant"),
            Said(
                Inconclusive,
                "The vocabulary has no plain word to force: another model would decide",
            ),
        ),
        (
            lambda small: vocabulary.spelling(small, " blue"),
            Said(
                Inconclusive,
                "0 tokens spell ' blue': an answer that begins with a word would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda small: vocabulary.spelling(small, " "),
            Said(
                Inconclusive,
                "1 tokens spell ' ': an answer that begins with a word would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (lambda small: vocabulary.forced(small, 6, 3, "red red red "), None),
        (
            lambda small: vocabulary.forced(small, 6, 3, "the banana and"),
            Said(Silent, "`logit_bias` is accepted and ignored", "red red red", "the banana and"),
        ),
        (
            lambda small: vocabulary.forced(small, 6, 3, "red banana and"),
            Said(
                Failed, "`logit_bias` 100 does not force a token", "red red red", "red banana and"
            ),
        ),
        (
            lambda _: vocabulary.banned(" red", "red "),
            Said(Silent, "`logit_bias` is accepted and ignored", "not ' red'", "red "),
        ),
        (
            lambda small: vocabulary.without_special_tokens(small, "the <end>"),
            Said(
                Failed,
                "A special token is left in the answer",
                "text alone",
                "(['<end>'], 'the <end>')",
            ),
        ),
        (
            lambda small: vocabulary.end_token(small),
            Said(
                Inconclusive,
                "The tokenizer's configuration names no `eos_token`: one that does would decide",
                cause="The token that ends an answer is not known",
            ),
        ),
        (
            lambda _: vocabulary.first_of_its_kind([1, 2, 1, 2]),
            Said(
                Inconclusive,
                "The answer is too short, or repeats itself: another prompt would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda _: vocabulary.first_of_its_kind([1, 2]),
            Said(
                Inconclusive,
                "The answer is too short, or repeats itself: another prompt would decide",
                cause="The model's own answer does not allow the check",
            ),
        ),
        (
            lambda small: vocabulary.rendered(small, [{"role": "tool", "content": "the"}]),
            Said(
                Inconclusive,
                "The chat template refuses the messages: no tools: another model would decide",
                cause="The model's chat template refuses the messages",
            ),
        ),
        (
            lambda small: vocabulary.two_words(small),
            Said(Inconclusive, "The vocabulary has no two plain words: another model would decide"),
        ),
        (
            lambda small: vocabulary.bare_prompt(small, [ONE, TWO]),
            Said(
                Inconclusive,
                "The model's chat template begins no answer: another model would decide",
                cause="The model's chat template does not allow the check",
            ),
        ),
        (
            lambda small: vocabulary.with_and_without_special(small, [ONE]),
            Said(
                Inconclusive,
                "The tokenizer adds no special tokens: one that does would decide",
                cause="The model's tokenizer does not allow the check",
            ),
        ),
        (
            lambda small: vocabulary.adds_special(small),
            Said(
                Inconclusive,
                "The tokenizer adds no special tokens: one that does would decide",
                cause="The model's tokenizer does not allow the check",
            ),
        ),
        (
            lambda small: vocabulary.template_without(small, "messages"),
            Said(
                Inconclusive,
                "The model's chat template reads `messages`: one that does not would decide",
                cause="The model's chat template does not allow the check",
            ),
        ),
        (lambda small: vocabulary.template_without(small, "documents"), None),
        (
            lambda small: vocabulary.template_with(small, "documents"),
            Said(
                Inconclusive,
                ("The model's chat template does not read `documents`: one that does would decide"),
                cause="The model's chat template does not allow the check",
            ),
        ),
        (lambda small: vocabulary.template_with(small, "messages"), None),
        (
            lambda _: vocabulary.known_length(None),
            Said(
                Inconclusive,
                (
                    "The context length is not known: --max-model-len N, or `max_model_len` in the "
                    "list of models, would decide"
                ),
                cause="The server does not say its context length",
            ),
        ),
        (lambda _: vocabulary.grown("documents", 4, 5), None),
        (
            lambda _: vocabulary.grown("documents", 4, 4),
            Said(
                Silent,
                "`documents` is accepted and does not reach the prompt",
                "more than 4 tokens",
                "4 tokens",
            ),
        ),
        (
            lambda _: vocabulary.grown("documents", 4, 3),
            Said(
                Silent,
                "`documents` is accepted and does not reach the prompt",
                "more than 4 tokens",
                "3 tokens",
            ),
        ),
        (
            lambda small: vocabulary.told(small, [ONE], documents=[1], mood="glad"),
            Said(
                Inconclusive,
                (
                    "The model's chat template does not read documents, mood: one that does would "
                    "decide"
                ),
                cause="The model's chat template does not allow the check",
            ),
        ),
    ],
)
def test_what_is_said_of_tokens(tokenizer, check, verdict):
    assert said(lambda: check(tokenizer)) == verdict


def test_tokens_are_told_by_their_text(tokenizer, beginning):
    assert vocabulary.rendered(tokenizer, [ONE, TWO]) == "the banana "
    assert vocabulary.few_of_each_kind(tokenizer) == [0, 0, 7]
    assert vocabulary.spellings(tokenizer, [3, 7]) == ["and", "<end>"]
    assert vocabulary.first_of_its_kind([1, 2, 1, 3, 4]) == 3
    assert vocabulary.first_of_its_kind([1, 2, 3]) == 2
    assert vocabulary.known_length(7) == 7
    assert vocabulary.end_token(beginning) == 7
    assert vocabulary.verbatim("{{ a }}") == "{% raw %}{{ a }}{% endraw %}"


def test_two_words_are_two_tokens_that_spell_letters(tmp_path):
    made = Fast(models.WordLevel({"[UNK]": 0, "C": 1, "B": 2, " ": 3, "A": 4}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    assert vocabulary.two_words(saved(tmp_path, made)) == [4, 2]


def test_what_a_template_begins_an_answer_with_is_no_part_of_the_bare_prompt(beginning):
    assert vocabulary.chat_prompt(beginning, [ONE, TWO]) == [1, 2, 3]
    assert vocabulary.bare_prompt(beginning, [ONE, TWO]) == [1, 2]


def test_special_tokens_that_a_tokenizer_adds_are_counted(beginning):
    vocabulary.adds_special(beginning)
    assert vocabulary.with_and_without_special(beginning, [ONE, TWO]) == (4, 3)
    assert vocabulary.plain_ids(beginning, "the red") == [1, 6]


def test_a_template_is_given_tools_and_special_tokens(tmp_path):
    template = "{{ tools[0].name }} {{ eos_token }}"
    small = saved(tmp_path, fast(), chat_template=template, eos_token="<end>", bos_token=None)
    assert small.render([ONE], tools=[{"name": "red"}]) == "red <end>"


def test_what_a_template_is_told_reaches_the_prompt(beginning):
    assert vocabulary.told(beginning, [ONE], mood="red") == [1, 6]


def test_a_word_that_too_many_tokens_spell_is_inconclusive(tmp_path):
    many = {
        f"{' ' * before}red{' ' * after}": before * 20 + after
        for before in range(20)
        for after in range(20)
    }
    made = saved(tmp_path, Fast(models.WordLevel(many, "red")))
    with pytest.raises(Inconclusive, match=r"^400 tokens spell 'red': "):
        vocabulary.spelling(made, "red")
    few = dict(list(many.items())[:300])
    assert (
        len(vocabulary.spelling(saved(tmp_path, Fast(models.WordLevel(few, "red"))), "red")) == 300
    )


def test_a_folder_without_its_files_says_so(tmp_path):
    with pytest.raises(SuiteError, match=r"^No tokenizer can be read from .*tokenizer\.json: "):
        Tokenizer(tmp_path)
    fast().save(str(tmp_path / "tokenizer.json"))
    bare = Tokenizer(tmp_path)
    assert bare.end_id is None
    with pytest.raises(SuiteError, match=f"^{tmp_path.name} has no chat template$"):
        bare.render([ONE])
    (tmp_path / "chat_template.jinja").write_text(TEMPLATE)
    assert Tokenizer(tmp_path).render([ONE]) == "the "
