"""Asking: what is sent, and how a stream is read."""

import json

import pytest

from conformance.api.ask import OMIT, Ask, conversation, read_stream
from conformance.outcomes import Failed, Silent, Unsupported
from tests.api.responses import ERROR, chat_answer, chat_chunk, completion_chunk, events, response


class Recorder:
    """Stands for the client: notes what is posted."""

    def __init__(self, answer=None):
        self.posted, self.answer = [], answer

    def post(self, path, json=None, **options):
        self.posted.append((path, json))
        return self.answer


def sse(*data: object):
    return response(events(*data), kind="text/event-stream; charset=utf-8")


def test_defaults_are_filled_in():
    client = Recorder()
    Ask(client, "m").chat("Hi")
    Ask(client, "m").complete([1, 2], max_tokens=3, temperature=1)
    message = {"role": "user", "content": "Hi"}
    assert client.posted == [
        (
            "/chat/completions",
            {"model": "m", "temperature": 0, "max_tokens": 8, "messages": [message]},
        ),
        ("/completions", {"model": "m", "temperature": 1, "max_tokens": 3, "prompt": [1, 2]}),
    ]


def test_omitted_defaults_are_not_sent():
    client = Recorder()
    Ask(client, "m").chat("Hi", model=OMIT, temperature=OMIT, max_tokens=OMIT)
    assert client.posted[0][1].keys() == {"messages"}


def test_max_completion_tokens_takes_the_place_of_max_tokens():
    assert "max_tokens" not in Ask(Recorder(), "m").chat_body("Hi", max_completion_tokens=2)


def test_null_is_sent_as_null():
    assert Ask(Recorder(), "m").chat_body("Hi", stop=None)["stop"] is None


def test_messages_stay_as_they_are():
    messages = [{"role": "system", "content": "x"}]
    assert conversation(messages) is messages


def test_streams_are_asked_for():
    client = Recorder(sse("[DONE]"))
    Ask(client, "m").chat_stream("Hi")
    Ask(client, "m").complete_stream("Hi")
    assert [body["stream"] for _, body in client.posted] == [True, True]


def test_a_stream_is_read():
    stream = read_stream(sse(chat_chunk("Hel", role="assistant"), chat_chunk("lo"), "[DONE]"))
    assert stream.chat_text() == "Hello"
    assert [chunk.id for chunk in stream.chat_chunks()] == ["c-1", "c-1"]
    assert len(stream.payloads) == 2
    assert stream.chat_text(index=1) == ""


def test_a_legacy_stream_is_read():
    stream = read_stream(sse(completion_chunk("a"), completion_chunk("b", "length"), "[DONE]"))
    assert [chunk.choices[0].text for chunk in stream.completion_chunks()] == ["a", "b"]


def test_a_refused_stream_is_unsupported():
    with pytest.raises(Unsupported):
        read_stream(response(ERROR, status=400))


def test_a_whole_answer_instead_of_a_stream_is_silent():
    with pytest.raises(Silent, match="`stream` is accepted and ignored"):
        read_stream(response(chat_answer()))


@pytest.mark.parametrize(
    "answer",
    [
        response(b"<html>", kind="text/html"),
        response(events("[DONE]"), kind=""),
        response(b"no json"),
        response(ERROR, status=500),
        response(b"", status=204),
        sse(),
        sse(chat_chunk("a")),
        sse("[DONE]", chat_chunk("a")),
        sse("[done]"),
        sse("{", "[DONE]"),
        sse(ERROR, "[DONE]"),
        sse("[" * 200_000, "[DONE]"),
        response(events("[DONE]")[:-1], kind="text/event-stream"),
        response(b"data: \xff\n\n", kind="text/event-stream"),
        response(json.dumps(chat_chunk("a")).encode() + b"\n\n", kind="text/event-stream"),
    ],
    ids=[
        "html", "no-type", "not-json", "500", "204", "empty", "no-done", "more-after-done",
        "other-done", "cut-event", "error-event", "nested", "inside-event", "not-utf8", "no-field",
    ],
)  # fmt: skip
def test_what_is_no_stream_fails(answer):
    with pytest.raises(Failed):
        read_stream(answer)


def test_events_without_chunks_inside_fail():
    stream = read_stream(sse({"hello": 1}, "[DONE]"))
    with pytest.raises(Failed):
        stream.chat_chunks()
    with pytest.raises(Failed):
        stream.completion_chunks()
