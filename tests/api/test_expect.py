"""What requirements expect of responses: good ones pass, each bad one is judged."""

import pytest
from openai.types import CompletionUsage

from conformance.api import expect
from conformance.outcomes import Failed, Silent, Unsupported
from tests.api.responses import (
    ERROR,
    USAGE,
    chat_answer,
    chat_chunk,
    completion_answer,
    completion_chunk,
    response,
)

NO_ERRORS = [
    b"",
    b"Bad Request",
    b"null",
    b"[" * 200_000,
    {},
    {"detail": "Not Found"},
    {"error": "no"},
    {"error": []},
    {"error": {"message": "no"}},
    {"error": {**ERROR["error"], "message": ""}},
    {"error": {**ERROR["error"], "message": 5}},
    {"error": {**ERROR["error"], "type": None}},
    {"error": {**ERROR["error"], "param": 5}},
    {"error": {**ERROR["error"], "code": []}},
    ["error"],
]


def test_ok_returns_the_object():
    assert expect.ok(response({"a": 1})) == {"a": 1}


@pytest.mark.parametrize("status", [400, 404, 405, 422, 501])
def test_an_honest_refusal_is_unsupported(status):
    with pytest.raises(Unsupported, match="no"):
        expect.ok(response(ERROR, status=status))


@pytest.mark.parametrize("status", [201, 204, 302, 401, 418, 429, 500, 503])
def test_any_other_status_fails(status):
    with pytest.raises(Failed):
        expect.ok(response(ERROR, status=status))


@pytest.mark.parametrize("body", NO_ERRORS)
def test_a_refusal_that_is_no_openai_error_fails(body):
    with pytest.raises(Failed):
        expect.ok(response(body, status=400))
    with pytest.raises(Failed):
        expect.refused(response(body, status=400), what="It")


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b'"x"', b"\xff", b"[" * 200_000])
def test_a_200_that_is_no_object_fails(body):
    with pytest.raises(Failed):
        expect.ok(response(body))


@pytest.mark.parametrize(
    "error",
    [
        ERROR["error"],
        {"message": "no", "type": "t"},
        {"message": "no", "type": "t", "param": "n", "code": "bad"},
        {"message": "no", "type": "t", "param": None, "code": None, "more": 1},
    ],
)
def test_refused_takes_openai_errors(error):
    assert expect.refused(response({"error": error}, status=422), what="It") == error


def test_refused_tells_accepted_from_wrong_status():
    with pytest.raises(Silent, match="It is accepted") as silent:
        expect.refused(response(chat_answer()), what="It", cause="All is accepted")
    assert silent.value.cause == "All is accepted"
    with pytest.raises(Failed, match="wrong status"):
        expect.refused(response(ERROR, status=500), what="It")
    with pytest.raises(Failed, match="wrong status"):
        expect.refused(response(ERROR, status=400), what="It", statuses={404})


def test_typed_answers_are_read():
    assert expect.chat(response(chat_answer())).choices[0].message.content == "Hello"
    assert expect.completion(response(completion_answer())).choices[0].text == " 15"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": 5},
        {"object": "text_completion"},
        {"created": "1"},
        {"created": 1.5},
        {"model": None},
        {"choices": None},
        {"choices": {}},
        {"choices": [None]},
        {"choices": [{"index": 0}]},
        {"choices": [{"index": "0", "message": {"role": "assistant"}, "finish_reason": "stop"}]},
        {"choices": [{"index": 0, "message": {"role": "user"}, "finish_reason": "stop"}]},
        {"choices": [{"index": 0, "message": {"role": "assistant"}, "finish_reason": "eos"}]},
        {"usage": {"prompt_tokens": "3"}},
    ],
)
def test_a_chat_answer_out_of_type_fails(changes):
    with pytest.raises(Failed, match="is not what the API defines"):
        expect.chat(response(chat_answer(**changes)))


@pytest.mark.parametrize(
    "data",
    ["", "{", "null", "[]", "5", "[" * 200_000, '{"id": "a"}'],
    ids=["empty", "cut", "null", "list", "number", "nested", "fields-missing"],
)
def test_an_event_out_of_type_fails(data):
    with pytest.raises(Failed):
        expect.chunk(data)
    with pytest.raises(Failed):
        expect.completion_chunk(data)


def test_chunks_are_read():
    assert expect.chunk(_json(chat_chunk("a"))).choices[0].delta.content == "a"
    found = expect.completion_chunk(_json(completion_chunk("a")))
    assert (found.choices[0].text, found.choices[0].finish_reason) == ("a", None)


@pytest.mark.parametrize("reason", ["", "eos", 0, False])
def test_a_finish_reason_out_of_type_fails(reason):
    with pytest.raises(Failed):
        expect.chunk(_json(chat_chunk("a", reason)))
    with pytest.raises(Failed):
        expect.completion_chunk(_json(completion_chunk("a", reason)))


def test_same_compares():
    expect.same([1], [1], what="It")
    with pytest.raises(Failed, match="It is wrong"):
        expect.same(1, 2, what="It")


def test_same_counts_compares_the_three_counts():
    counts = CompletionUsage(**USAGE)
    expect.same_counts(counts, CompletionUsage(**USAGE), what="it")
    for name in USAGE:
        with pytest.raises(Failed, match="The usage of it is wrong"):
            expect.same_counts(CompletionUsage(**{**USAGE, name: 9}), counts, what="it")


def test_status_compares():
    expect.status(response(status=404), 404)
    with pytest.raises(Failed, match="POST /v1/chat"):
        expect.status(response(status=200), 404)


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_a_json_content_type_is_taken(kind):
    expect.json_content_type(response({}, kind=kind))


@pytest.mark.parametrize("kind", ["", "text/plain", "text/event-stream", "application/jsonp"])
def test_another_content_type_fails(kind):
    with pytest.raises(Failed, match="content type"):
        expect.json_content_type(response({}, kind=kind))


def test_a_json_content_type_with_something_else_in_it_fails():
    with pytest.raises(Failed):
        expect.json_content_type(response(b"<html>"))


def _json(value: object) -> str:
    return response(value).body.decode()
