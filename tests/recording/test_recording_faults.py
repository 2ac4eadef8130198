"""What is not a distribution is never recorded: a sentence says what came instead."""

from __future__ import annotations

import json
import time

import pytest
from typer.testing import CliRunner

from conformance.cli import app
from conformance.recording import RecordingError
from conformance.recording.prompts import from_file
from conformance.targets.errors import TargetError
from tests.recording.asking import ROUTES, record, write
from tests.recording.production import WORDS, Offers, checkpoint, serving


def every_logprob(change):
    """A fault that changes each logprob of a legacy answer."""

    def bend(answer, body):
        for choice in answer.get("choices", []):
            logprobs = choice["logprobs"]
            logprobs["token_logprobs"] = [v and change(v) for v in logprobs["token_logprobs"]]
            logprobs["top_logprobs"] = [
                top and {name: change(value) for name, value in top.items()}
                for top in logprobs["top_logprobs"]
            ]
            for entry in choice.get("prompt_logprobs") or []:
                for value in (entry or {}).values():
                    value["logprob"] = change(value["logprob"])
        return answer

    return bend


def every_choice(change):
    def bend(answer, body):
        for choice in answer.get("choices", []):
            change(choice, answer)
        return answer

    return bend


def leave_out(choice, answer):
    choice["logprobs"] = None
    choice.pop("prompt_logprobs", None)


def leave_alternatives_out(choice, answer):
    choice["logprobs"]["top_logprobs"] = None
    choice.pop("prompt_logprobs", None)


def shorten(choice, answer):
    for name in ("tokens", "token_logprobs", "top_logprobs"):
        choice["logprobs"][name] = choice["logprobs"][name][1:]
    if choice.get("prompt_logprobs"):
        choice["prompt_logprobs"].pop()


def uneven(choice, answer):
    choice["logprobs"]["token_logprobs"].append(-1.0)
    choice.pop("prompt_logprobs", None)


def rename(to):
    """Gives all tokens but the answer's own other ids."""

    def change(choice, answer):
        logprobs = choice["logprobs"]
        logprobs["top_logprobs"] = [
            top and {to(number): value for number, value in enumerate(top.values())}
            for top in logprobs["top_logprobs"]
        ]
        choice.pop("prompt_logprobs", None)

    return change


def shift(choice, answer):
    """Every token gets the alternatives of the next."""
    logprobs = choice["logprobs"]
    for name in ("token_logprobs", "top_logprobs"):
        first, *rest = logprobs[name]
        logprobs[name] = [*rest, first] if first is not None else [None, *rest[1:], rest[0]]
    choice.pop("prompt_logprobs", None)


def one_hot(choice, answer):
    logprobs = choice["logprobs"]
    logprobs["top_logprobs"] = [
        top and {n: 0.0 if v == max(top.values()) else -9999.0 for n, v in top.items()}
        for top in logprobs["top_logprobs"]
    ]
    logprobs["token_logprobs"] = [
        top and top[name]
        for name, top in zip(logprobs["tokens"], logprobs["top_logprobs"], strict=True)
    ]
    choice.pop("prompt_logprobs", None)


def other_own(choice, answer):
    logprobs = choice["logprobs"]
    logprobs["token_logprobs"] = [v and v - 0.5 for v in logprobs["token_logprobs"]]
    choice.pop("prompt_logprobs", None)


def two_choices(choice, answer):
    answer["choices"] = [*answer["choices"][:1], *answer["choices"][:1]]


FAULTS = {
    "nan": (every_logprob(lambda value: float("nan")), "not JSON"),
    "infinite": (every_logprob(lambda value: float("-inf")), "not JSON"),
    "null": (every_logprob(lambda value: None), "a logprob is None"),
    "text": (every_logprob(lambda value: str(value)), "a logprob is '-"),
    "positive": (every_logprob(lambda value: -value), "above 0"),
    "too-likely": (every_logprob(lambda value: value / 9), "sum to"),
    "left-out": (every_choice(leave_out), "leaves .*out"),
    "no-alternatives": (every_choice(leave_alternatives_out), "leaves .*out"),
    "uneven": (every_choice(uneven), "differ in length"),
    "unknown-ids": (every_choice(rename(lambda n: f"token_id:{90_000 + n}")), "outside"),
    "no-json": (lambda answer, body: b"{", "not JSON"),
    "no-object": (lambda answer, body: [], "no JSON object"),
    "no-choices": (lambda answer, body: {"object": "text_completion"}, "no choices"),
    "choices": (every_choice(two_choices), "2 choices came for 1"),
    "one-hot": (every_choice(one_hot), "after sampling"),
    "own-differs": (every_choice(other_own), "among its alternatives"),
}
LEGACY = {"uneven", "unknown-ids", "one-hot", "own-differs", "no-alternatives"}
"""Faults of `logprobs`, which the route of `prompt_logprobs` needs for its continuation alone."""


@pytest.fixture
def prompts(tmp_path):
    return write(tmp_path, {"token_ids": list(range(1, 24))})


@pytest.mark.parametrize(
    ("route", "fault"),
    [
        *(("prompt_logprobs", fault) for fault in FAULTS if fault not in LEGACY),
        *((route, fault) for route in ("echo", "replay") for fault in FAULTS),
    ],
)
def test_nonsense_is_said_and_nothing_is_written(route, fault, prompts, tmp_path):
    bend, sentence = FAULTS[fault]
    offers = Offers(**{**vars(ROUTES[route]), "bend": bend, "tokenize": False})
    with serving(offers) as url, pytest.raises(RecordingError, match=sentence) as caught:
        record(
            url, tmp_path, prompts=prompts, tokenizer=checkpoint(tmp_path / "model"), route=route
        )
    message = str(caught.value)
    assert message.startswith(url) and message.endswith(").") and "\n" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("fault", ["left-out", "positive", "unknown-ids"])
def test_nonsense_in_chat(fault, tmp_path):
    def bend(answer, body):
        content = answer["choices"][0]["logprobs"]["content"] if "choices" in answer else []
        for entry in content:
            for number, top in enumerate(entry["top_logprobs"]):
                if fault == "positive":
                    top["logprob"] *= -1
                if fault == "unknown-ids":
                    top["token"] = f"token_id:{90_000 + number}"
        if fault == "left-out" and content:
            answer["choices"][0]["logprobs"] = None
        return answer

    prompts = write(tmp_path, {"messages": [{"role": "user", "content": "a b"}]})
    with serving(Offers(completions=False, bend=bend)) as url, pytest.raises(RecordingError):
        record(url, tmp_path, prompts=prompts, tokenizer=checkpoint(tmp_path / "model"))


def test_logprobs_of_other_tokens_are_not_recorded(prompts, tmp_path):
    with serving(Offers(prompt_logprobs=False, bend=every_choice(shift))) as url:
        for route in ("echo", "replay"):
            with pytest.raises(RecordingError, match=r"likel|among its alternatives|no logprobs"):
                record(url, tmp_path, prompts=prompts, route=route)


def test_prompt_logprobs_of_another_prompt(prompts, tmp_path):
    def bend(answer, body):
        for choice in answer.get("choices", []):
            for entry in choice.get("prompt_logprobs", []):
                for id in list(entry or {}):
                    entry[str((int(id) + 1) % len(WORDS))] = entry.pop(id)
        return answer

    with serving(Offers(bend=bend)) as url, pytest.raises(RecordingError, match="does not score"):
        record(url, tmp_path, prompts=prompts, route="prompt_logprobs")


def test_missing_positions_are_noticed(prompts, tmp_path):
    with serving(Offers(bend=every_choice(shorten))) as url:
        for route in ("prompt_logprobs", "echo"):
            with pytest.raises(RecordingError, match=r"entries|scores"):
                record(url, tmp_path, prompts=prompts, route=route)


def test_a_server_that_samples_loses_its_continuation_only(prompts, tmp_path):
    """The prompt's own positions do not depend on what was taken after it."""

    def bend(answer, body):
        for choice in answer.get("choices", []):
            choice["token_ids"] = [(id + 1) % len(WORDS) for id in choice["token_ids"]]
        return answer

    with serving(Offers(bend=bend)) as url:
        found = record(url, tmp_path, prompts=prompts)
    (seen,) = found.prompts.values()
    assert seen.positions.tolist() == list(range(22))
    assert len(seen.token_ids) == 23
    assert "what was generated, since at temperature 0" in " ".join(found.provenance["unseen"])


def test_a_weaker_route_is_taken_and_the_stronger_one_named(prompts, tmp_path):
    def bend(answer, body):
        for choice in answer.get("choices", []):
            for entry in choice.get("prompt_logprobs") or []:
                for value in (entry or {}).values():
                    value["logprob"] = 1.0
        return answer

    with serving(Offers(bend=bend)) as url:
        found = record(url, tmp_path, prompts=prompts)
    assert list(found.provenance["routes"]) == ["echo"]
    assert "By prompt_logprobs: a logprob is 1, which is above 0." in found.provenance["unseen"]


def test_nothing_at_all(prompts, tmp_path):
    offers = Offers(prompt_logprobs=False, echo=False, logprobs=False)
    with serving(offers) as url, pytest.raises(RecordingError, match="shows no logprobs"):
        record(url, tmp_path, prompts=prompts)


def test_a_prompt_that_is_not_answered_in_time_is_left_out(tmp_path):
    def bend(answer, body):
        if body.get("prompt") == [7] * 7:
            time.sleep(3)
        return answer

    prompts = write(
        tmp_path,
        {"name": "quick", "token_ids": [1, 2, 3, 4]},
        {"name": "slow", "token_ids": [7] * 7},
    )
    with serving(Offers(bend=bend)) as url:
        found = record(url, tmp_path, prompts=prompts, request_timeout_s=1.0)
    assert list(found.prompts) == ["quick"]
    assert "Of slow: No complete answer within 1 s." in found.provenance["unseen"]


def test_an_older_snapshot_stays_where_nothing_is_recorded(prompts, tmp_path):
    with serving() as url:
        record(url, tmp_path, prompts=prompts)
    before = (tmp_path / "out" / "snapshot.json").read_bytes()
    with serving(Offers(bend=FAULTS["nan"][0])) as url, pytest.raises(RecordingError):
        record(url, tmp_path, prompts=prompts)
    assert (tmp_path / "out" / "snapshot.json").read_bytes() == before
    assert not list(tmp_path.glob(".out*"))


def test_credentials_in_the_url_are_refused(prompts, tmp_path):
    with pytest.raises(TargetError, match="user name or password"):
        record("http://me:secret@127.0.0.1:9/v1", tmp_path, prompts=prompts)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "line 1"),
        ("[]", "no JSON object"),
        ('{"prompt": ""}', '"prompt" holds nothing'),
        ('{"token_ids": [1, -1]}', '"token_ids" holds nothing'),
        ('{"token_ids": [true]}', '"token_ids" holds nothing'),
        ('{"prompt": "a", "messages": []}', "needs one of"),
        ('{"name": "a/b", "prompt": "a"}', "without a slash"),
        ('{"name": "x", "prompt": "a"}\n{"name": "x", "prompt": "b"}', "line 2: the name 'x'"),
        ("\n", "has no prompts"),
    ],
)
def test_a_file_of_prompts_that_cannot_be_used(line, sentence, tmp_path):
    file = tmp_path / "prompts.jsonl"
    file.write_text(line)
    with pytest.raises(RecordingError, match=sentence):
        from_file(file)


# The command ---------------------------------------------------------------------------------


def test_the_command_says_what_was_recorded_and_what_not(prompts, tmp_path):
    arguments = ["--prompts", str(prompts), "--out", str(tmp_path / "out"), "--continue", "4"]
    with serving() as url:
        ended = CliRunner().invoke(app, ["record", "--base-url", url, *arguments])
    assert ended.exit_code == 0, ended.output
    assert "Recorded 26 positions of 1 prompts (26 by prompt_logprobs)" in ended.output
    assert "Not seen:\n- All but the 20 likeliest" in ended.output
    assert json.loads((tmp_path / "out" / "snapshot.json").read_text())["continued"] == 4


def test_the_command_ends_with_2_where_nothing_was_recorded(tmp_path):
    with serving(Offers(logprobs=False, prompt_logprobs=False)) as url:
        ended = CliRunner().invoke(
            app, ["record", "--base-url", url, "--out", str(tmp_path / "out")]
        )
    assert ended.exit_code == 2
    assert "shows no logprobs" in ended.output
    assert not (tmp_path / "out").exists()


def test_an_unknown_route_is_refused(tmp_path):
    with serving() as url, pytest.raises(RecordingError, match="choose from prompt_logprobs"):
        record(url, tmp_path, route="telepathy")
