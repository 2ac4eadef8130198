"""Answers and model lists are read from responses, and bad ones judged and never an exception."""

from __future__ import annotations

import time

import pytest

from conformance.api import answers, listing
from conformance.outcomes import Failed, Silent, Unsupported
from conformance.targets.client import Response
from tests.api.responses import response

NOW = int(time.time())
MODEL = {"id": "m", "object": "model", "created": NOW, "owned_by": "vllm"}
USAGE = {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
LEGACY = {"tokens": ["p", "a"], "token_logprobs": [None, -1], "text_offset": [0, 1]}
ENTRY = {"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": []}


def chat(content: object = "a", logprobs: object = None, **changes: object) -> Response:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": "stop",
        "logprobs": logprobs,
    }
    good = {"id": "1", "object": "chat.completion", "created": NOW, "model": "m", "usage": USAGE}
    return response({**good, "choices": [choice], **changes})


def completion(text: str = "a", logprobs: object = None, **changes: object) -> Response:
    choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": logprobs}
    good = {"id": "1", "object": "text_completion", "created": NOW, "model": "m", "usage": USAGE}
    return response({**good, "choices": [choice], **changes})


@pytest.mark.parametrize("answer", [answers.chat(chat()), answers.completion(completion())])
def test_a_good_answer_is_read(answer):
    assert (answer.text, answer.finish_reason, answer.indices) == ("a", "stop", [0])
    assert answer.usage.total_tokens == 3


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (answers.chat, chat(choices=[])),
        (answers.chat, chat(content=None)),
        (answers.chat, response(b"[]")),
        (answers.completion, completion(choices=[])),
        (answers.completion, response(b"oops", status=500)),
        (answers.chat_steps, response({})),
        (answers.tool_calls, chat(choices=[])),
        (answers.without_logprobs, chat(choices=[])),
        (answers.without_logprobs, chat(logprobs={"content": [ENTRY]})),
        (answers.completion_without_logprobs, completion(logprobs={"tokens": ["a"]})),
        (answers.completion_logprobs, completion(logprobs={"content": [ENTRY]})),
        (answers.completion_logprobs, completion(logprobs={"tokens": ["a"]})),
        (answers.echoed_logprobs, completion(logprobs={**LEGACY, "tokens": "p"})),
        (answers.echoed_logprobs, completion(logprobs=7)),
        (answers.echoed_usage, completion(logprobs=LEGACY, usage=None)),
    ],
)
def test_a_bad_answer_fails(read, body):
    with pytest.raises(Failed):
        read(body)


def test_missing_usage_fails_only_where_it_is_read():
    answer = answers.chat(chat(usage=None))
    with pytest.raises(Failed, match="usage"):
        _ = answer.usage


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (answers.chat_logprobs, chat()),
        (answers.chat_logprobs, chat(logprobs={"content": []})),
        (answers.completion_logprobs, completion()),
        (answers.completion_logprobs, completion(choices=[])),
        (answers.echoed_logprobs, response({"choices": 5})),
    ],
)
def test_missing_logprobs_are_silent(read, body):
    with pytest.raises(Silent, match="logprobs"):
        read(body)


def test_good_logprobs_are_read():
    assert answers.chat_logprobs(chat(logprobs={"content": [ENTRY]}))[0].token == "a"
    text, scored = answers.echoed_logprobs(completion("pa", logprobs=LEGACY))
    assert (text, scored.token_logprobs) == ("pa", [None, -1.0])
    assert answers.chat_steps(chat()) is None


def test_texts_by_index():
    choices = [
        {"index": index, "text": text, "finish_reason": "stop", "logprobs": None}
        for index, text in ((1, "b"), (0, "a"))
    ]
    answer = answers.completion(completion(choices=choices))
    assert (answer.texts, answer.by_index) == (["b", "a"], ["a", "b"])


# Models


def models(*entries: object) -> Response:
    return response({"object": "list", "data": list(entries)})


def test_a_good_list_is_read():
    assert listing.entries(models(MODEL))[0].id == "m"
    entry = listing.named(models(MODEL), "m")
    listing.plausible_time(entry.created)
    listing.recent_time(NOW)
    listing.same(entry, listing.retrieved(response(MODEL)))
    listing.not_found(response({"detail": "Not Found"}, status=404))


@pytest.mark.parametrize(
    "body",
    [
        models(),
        models({**MODEL, "id": ""}),
        models(MODEL, MODEL),
        models({"id": "m"}),
        response(b""),
    ],
)
def test_a_bad_list_fails(body):
    with pytest.raises(Failed):
        listing.entries(body)


def test_the_served_model_is_found_in_a_list_that_lacks_fields():
    assert listing.named(models({"id": "m"}), "m").created is None


@pytest.mark.parametrize("body", [models(MODEL), models(), response({"data": 3})])
def test_a_list_without_the_served_model_fails(body):
    with pytest.raises(Failed):
        listing.named(body, "other")


IMPLAUSIBLE = {"none": None, "zero": 0, "negative": -1, "milliseconds": NOW * 1000, "huge": 10**400}


@pytest.mark.parametrize("created", IMPLAUSIBLE.values(), ids=IMPLAUSIBLE)
def test_an_implausible_time_fails(created):
    with pytest.raises(Failed):
        listing.plausible_time(created)


@pytest.mark.parametrize("created", [0, NOW * 1000, 10**400], ids=["zero", "milliseconds", "huge"])
def test_a_time_long_past_or_to_come_fails(created):
    with pytest.raises(Failed):
        listing.recent_time(created)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_route_that_is_not_served_is_unsupported(status):
    with pytest.raises(Unsupported):
        listing.retrieved(response({"detail": "Not Found"}, status=status))


def test_a_route_refused_without_json_fails():
    with pytest.raises(Failed):
        listing.retrieved(response(b"<html>", status=404))


def test_a_model_described_in_two_ways_fails():
    other = listing.retrieved(response({**MODEL, "owned_by": "somebody"}))
    with pytest.raises(Failed):
        listing.same(listing.named(models(MODEL), "m"), other)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (response(MODEL), Silent),
        (response({}, status=405), Unsupported),
        (response({}, status=500), Failed),
        (response(b"<html>", status=404), Failed),
    ],
)
def test_an_unknown_model_is_not_a_404(body, outcome):
    with pytest.raises(outcome):
        listing.not_found(body)


def test_a_name_with_a_slash_is_one_segment():
    assert listing.path("org/model") == "/models/org%2Fmodel"
