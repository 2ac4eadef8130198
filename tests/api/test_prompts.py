"""The prompts for the scripted model have the answers that the requirements ask for."""

from __future__ import annotations

import shutil

import pytest

from conformance.api import prompts
from conformance.compare import stops
from conformance.compare.tokens import Tokenizer
from fixtures.models.scripted import CHECKPOINT, description

SCRIPTED = prompts.scripted()


def entry(prompt):
    """What the model knows to say after a chat, or after a legacy prompt."""
    known = description()
    tools = SCRIPTED.tools if prompt == SCRIPTED.errand else None
    (found,) = (
        entry
        for entry in [*known["scripts"], *known["calibrated"]]
        if prompt in (entry.get("messages"), entry["rendered"]) and entry.get("tools") == tools
    )
    return found


def test_the_scripted_model_is_known_by_its_tokenizer(tmp_path):
    shutil.copy(CHECKPOINT / "tokenizer.json", tmp_path)
    assert prompts.prompts_for(str(tmp_path)) == SCRIPTED
    (tmp_path / "tokenizer.json").write_text("{}")
    assert prompts.prompts_for(str(tmp_path)) is prompts.GENERAL


@pytest.mark.parametrize("folder", [None, "/no/such/folder"])
def test_any_other_model_gets_everyday_prompts(folder):
    assert prompts.prompts_for(folder) is prompts.GENERAL


def test_words():
    answer = entry(SCRIPTED.words)
    words = answer["text"].split()
    assert len(words) in (4, 5) and min(map(len, words)) >= 3
    assert len(answer["token_ids"]) <= 15
    assert stops.straddling(answer["text"]) in answer["text"]
    assert isinstance(SCRIPTED.words[-1]["content"], str)


def test_lengths():
    assert len(entry(SCRIPTED.long)["token_ids"]) > SCRIPTED.long_tokens
    series, second = entry(SCRIPTED.series), entry(SCRIPTED.second)
    assert len(series["token_ids"]) > 16
    assert series["text"][:4] != second["text"][:4]


def test_emoji_come_at_once():
    tokenizer = Tokenizer(CHECKPOINT)
    for prompt in (SCRIPTED.emoji, SCRIPTED.emoji_text):
        answer = entry(prompt)
        assert stops.character(answer["text"]) == answer["text"][0]
        assert tokenizer.decode(answer["token_ids"][:1]) == "\ufffd"


def test_a_penalty_shows_in_the_draw():
    """The likeliest token leads at first, and by far not any more once it is penalised by 2."""
    first, *later = (
        [choice["probability"] for choice in step["next"]] for step in entry(SCRIPTED.draw)["steps"]
    )
    assert first[0] > 1.25 * first[1]
    assert all(step == first for step in later)
    assert first[0] < first[1] * 7.38 / 1.25


def test_samples_of_the_draws_hardly_ever_coincide():
    same = 1.0
    for messages in SCRIPTED.draws:
        steps = {len(step["after"]): step["next"] for step in entry(messages)["steps"]}
        for choices in steps.values():
            same *= sum(choice["probability"] ** 2 for choice in choices)
    assert same < 1e-5
    assert [entry(text)["messages"] for text in SCRIPTED.draw_texts] == SCRIPTED.draws


def test_the_errand_takes_more_than_the_demanded_call():
    calls = entry(SCRIPTED.errand)["tool_calls"]
    assert SCRIPTED.demanded in SCRIPTED.tools
    assert [call["name"] for call in calls].count(SCRIPTED.demanded["function"]["name"]) == 1
    assert len(calls) == 2


def test_both_families_have_a_prompt_for_every_purpose():
    for name, prompt in vars(prompts.GENERAL).items():
        assert prompt and getattr(SCRIPTED, name), name
