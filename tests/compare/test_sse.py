"""Server-sent events from bytes."""

import pytest
from verdicts import Said, said

from conformance.compare import sse
from conformance.compare.sse import Event, parse
from conformance.outcomes import Failed


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (b"", []),
        (b"data: a\n\n", ["a"]),
        (b"data:a\n\n", ["a"]),
        (b"data:  a\n\n", [" a"]),
        (b"data: a\r\n\r\ndata: b\r\r", ["a", "b"]),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b": ping\n\ndata: a\n\n", ["a"]),
        (b"\n\n\ndata: a\n\n\n", ["a"]),
        (b"id: 1\nretry: 5\ndata: a\n\n", ["a"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        ("data: \u2028🙂\x85\x0b\n\n".encode(), ["\u2028🙂\x85\x0b"]),
        (b"data: a: b\n\n", ["a: b"]),
        (b"event: chunk\n\ndata: a\n\n", ["a"]),
    ],
)
def test_events_are_read_as_the_standard_says(raw, data):
    assert [event.data for event in parse(raw)] == data


def test_a_type_belongs_to_one_event():
    assert parse(b"data: a\n\n") == [Event("a", "message")]
    found = parse(b"event: chunk\ndata: a\n\ndata: b\n\n")
    assert found == [Event("a", "chunk"), Event("b")]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"data: a", "ends inside an event"),
        (b"data: a\n", "ends inside an event"),
        (b"data: a\n\ndata", "ends inside an event"),
        (b'{"id": 1}\n\n', "no SSE field"),
        (b"<html>\n\n", "no SSE field"),
        (b"data: \xff\n\n", "not valid UTF-8"),
        ("data: 🙂".encode()[:-1] + b"\n\n", "not valid UTF-8"),
    ],
)
def test_what_a_client_would_lose_is_judged(raw, reason):
    with pytest.raises(Failed, match=reason):
        parse(raw)


def test_an_event_s_json_is_read():
    assert Event('{"a": 1}').json() == {"a": 1}


@pytest.mark.parametrize("data", ["", "{", "[" * 200_000])
def test_an_event_that_is_no_json_is_judged(data):
    with pytest.raises(Failed, match="not JSON"):
        Event(data).json()


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (
            lambda: sse.parse(b"data: a\n\ndata: \xff\n\n"),
            Said(Failed, "The stream is not valid UTF-8", "UTF-8", "byte 0xff at offset 15"),
        ),
        (
            lambda: sse.parse(b"<html>" + b"x" * 300 + b"\n\n"),
            Said(
                Failed,
                "The stream has a line that is no SSE field",
                "data:, event:, id:, retry:, a comment or an empty line",
                "<html>" + "x" * 194,
            ),
        ),
        (
            lambda: sse.parse(b"data: a\ndata: b\n"),
            Said(
                Failed,
                "The stream ends inside an event",
                "an empty line after the last event",
                "'b'",
            ),
        ),
        (
            lambda: sse.parse(b"data: a\n\ndata: " + b"b" * 300),
            Said(
                Failed,
                "The stream ends inside an event",
                "an empty line after the last event",
                "'data: " + "b" * 193,
            ),
        ),
        (
            lambda: sse.parse(b"event: done"),
            Said(
                Failed,
                "The stream ends inside an event",
                "an empty line after the last event",
                "'event: done'",
            ),
        ),
        (lambda: sse.parse(b"event: done\n"), None),
        (
            lambda: Event("{" + "x" * 300).json(),
            Said(
                Failed,
                "An event of the stream is not JSON",
                "JSON or [DONE]",
                "Expecting property name enclosed in double quotes: line 1 column 2 (char 1): '{"
                + "x" * 199
                + "'",
            ),
        ),
    ],
)
def test_what_is_said_of_a_stream(check, verdict):
    assert said(check) == verdict
