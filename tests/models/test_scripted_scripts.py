"""What the scripted model is said to know is what it was trained on, and covers its purposes."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from tokenizers import Tokenizer as FastTokenizer
from transformers import AutoTokenizer

import fixtures.models
from conformance.compare.tokens import Tokenizer
from fixtures.models.cache import FixtureError
from fixtures.models.scripted import CHECKPOINT, SCRIPTED, describe
from fixtures.models.scripted import tokenizer as scripted_tokenizer
from fixtures.models.scripted.corpus import PURPOSES

DESCRIPTION = describe.load()
SCRIPTS = DESCRIPTION["scripts"]
CALIBRATED = DESCRIPTION["calibrated"]


def by_name(entry):
    return entry["name"]


def with_purpose(purpose):
    return [script for script in SCRIPTS if purpose in script["purposes"]]


@pytest.fixture(scope="module")
def published():
    return AutoTokenizer.from_pretrained(CHECKPOINT)


def test_the_description_is_that_of_the_scripts():
    tokenizer = FastTokenizer.from_file(str(CHECKPOINT / "tokenizer.json"))
    assert json.loads(json.dumps(describe.describe(tokenizer))) == DESCRIPTION


def test_the_tokenizer_is_learned_again_to_the_last_byte(tmp_path):
    scripted_tokenizer.published(scripted_tokenizer.train()).save_pretrained(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {
        "chat_template.jinja",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (CHECKPOINT / file.name).read_bytes(), file.name


def test_every_purpose_has_a_script():
    assert {purpose for script in SCRIPTS for purpose in script["purposes"]} == set(PURPOSES)
    assert set(Counter(map(by_name, SCRIPTS + CALIBRATED)).values()) == {1}


def test_no_two_scripts_share_a_prompt():
    prompts = Counter(entry["rendered"] for entry in SCRIPTS + CALIBRATED)
    assert set(prompts.values()) == {1}


@pytest.mark.parametrize("entry", SCRIPTS + CALIBRATED, ids=by_name)
def test_transformers_and_the_suite_render_the_prompt_alike(entry, published):
    if "prompt" in entry:
        assert entry["rendered"] == entry["prompt"]
        return
    options = {"tools": entry.get("tools"), **entry.get("chat_template_kwargs", {})}
    rendered = published.apply_chat_template(
        entry["messages"], tokenize=False, add_generation_prompt=True, **options
    )
    assert rendered == entry["rendered"]
    assert Tokenizer(CHECKPOINT).render(entry["messages"], **options) == rendered
    assert published.encode(rendered) == entry["prompt_token_ids"]


@pytest.mark.parametrize("script", SCRIPTS, ids=by_name)
def test_token_ids_decode_to_the_text(script, published):
    *answer, end = script["token_ids"]
    assert end == DESCRIPTION["end"]["id"]
    assert end not in answer
    assert published.decode(answer) == script["text"]


def test_long_answers_and_prompts_are_long():
    assert all(len(script["token_ids"]) > 600 for script in with_purpose("long_answer"))
    assert all(len(script["prompt_token_ids"]) > 600 for script in with_purpose("long_prompt"))


@pytest.mark.parametrize("purpose", ["emoji", "cjk", "right_to_left", "combining"])
def test_characters_straddle_tokens(purpose, published):
    for script in with_purpose(purpose):
        pieces = [published.decode([token]) for token in script["token_ids"]]
        assert any("\ufffd" in piece for piece in pieces), script["name"]


def test_a_token_can_be_a_tail_and_a_head(published):
    """The hardest case for a streaming detokeniser: neither side of the token is a character."""
    for name in ("emoji", "chinese", "hebrew", "arabic", "korean"):
        (script,) = (script for script in SCRIPTS if script["name"] == name)
        tokens = published.convert_ids_to_tokens(script["token_ids"])
        spelled = {scripted_tokenizer.spelling(byte): byte for byte in range(256)}
        pieces = [[spelled.get(char, 0) for char in token] for token in tokens]
        assert any(0x80 <= piece[0] < 0xC0 <= piece[-1] for piece in pieces), name


def test_tool_calls_and_reasoning_are_taken_apart():
    (both,) = (s for s in with_purpose("reasoning") if "tool_call" in s["purposes"])
    assert both["reasoning"] == "\nThe weather in Lima: that is a tool.\n"
    assert both["content"] is None
    assert both["tool_calls"] == [
        {"name": "get_weather", "arguments": {"city": "Lima", "unit": "celsius"}}
    ]
    called = [len(script["tool_calls"]) for script in with_purpose("parallel_tool_calls")[:2]]
    assert called == [2, 2]
    assert all("tool_calls" not in script for script in with_purpose("no_tool"))
    assert [script["text"] for script in with_purpose("end_first")] == ["", ""]
    assert all(json.loads(script["text"]) for script in with_purpose("json"))


def test_stop_strings_lie_where_they_should():
    for script in with_purpose("stop_inside_token"):
        assert {stop["tokens"] for stop in script["stops"]} == {"one"}
    for script in with_purpose("stop_across_tokens"):
        assert any(stop["tokens"] == "several" for stop in script["stops"]), script["name"]
        for stop in script["stops"]:
            assert script["text"].startswith(stop["before"] + stop["stop"])


def test_white_space_is_where_it_should_be():
    assert all(script["text"][0].isspace() for script in with_purpose("leading_whitespace"))
    assert all(script["text"][-1].isspace() for script in with_purpose("trailing_whitespace"))


@pytest.mark.parametrize("entry", CALIBRATED, ids=by_name)
def test_probabilities_sum_to_one_and_every_path_is_stated(entry):
    for step in entry["steps"]:
        assert sum(choice["probability"] for choice in step["next"]) == pytest.approx(1)
    stated = {tuple(step["after"]) for step in entry["steps"]}
    assert () in stated
    assert all(after[:-1] in stated for after in stated if after)


def test_the_committed_files_are_the_pinned_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("MACCORD_CACHE", str(tmp_path))
    folder = fixtures.models.path("scripted", full=True)
    assert {file.name for file in folder.iterdir()} == set(SCRIPTED.files)
    assert sum(file.stat().st_size for file in CHECKPOINT.parent.rglob("*.*")) < 10_000_000


def test_a_file_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("MACCORD_CACHE", str(tmp_path))
    monkeypatch.setattr("fixtures.models.scripted.CHECKPOINT", tmp_path)
    with pytest.raises(FixtureError, match=r"lacks .* of the scripted model"):
        fixtures.models.path("scripted")
