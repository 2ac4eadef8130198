"""The table of faults: each is one small function at one stage of an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.misbehaving import protocol
from tests.misbehaving.canned import Generated

if TYPE_CHECKING:
    from tests.misbehaving.server import Reply, _Handler

Body = dict[str, Any]
GOOD = "good"


def _refuse(route: str, refused: protocol.Refused) -> Body:
    raise refused


@dataclass(frozen=True)
class Fault:
    """What is done at each stage; by default nothing.

    Attributes:
        refusal: an invalid request was found; may return a body to answer instead of raising.
        request: the valid body, before the model sees it.
        generated: one answer of the model.
        answer: the answer's JSON object.
        chunks: a stream's chunks.
        events: a stream's events as bytes, [DONE] included.
        reply: the reply, as it would be sent.
        connection: takes over the connection; nothing is sent but what it sends.
    """

    refusal: Callable[[str, protocol.Refused], Body] = _refuse
    request: Callable[[Body], Body] = lambda body: body
    generated: Callable[[Generated, Body], Generated] = lambda generated, body: generated
    answer: Callable[[Body], Body] = lambda answer: answer
    chunks: Callable[[list[Body]], list[Body]] = lambda chunks: chunks
    events: Callable[[list[bytes]], list[bytes]] = lambda events: events
    reply: Callable[[Reply, _Handler], Reply] = lambda reply, handler: reply
    connection: Callable[[_Handler, Reply], None] | None = None


MODES: dict[str, Fault] = {GOOD: Fault()}


def fault(stage: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function into the table, under its name with dashes."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        MODES[function.__name__.replace("_", "-")] = Fault(**{stage: function})
        return function

    return enter


# The connection --------------------------------------------------------------------------------


@fault("connection")
def hangs(handler: _Handler, reply: Reply) -> None:
    """Accepts and never answers."""
    handler.pause(600)


@fault("connection")
def dies(handler: _Handler, reply: Reply) -> None:
    """The whole server is gone."""
    handler.owner.die()


@fault("connection")
def dies_midway(handler: _Handler, reply: Reply) -> None:
    """The whole server is gone after the first half of an answer."""
    _half(handler, reply)
    handler.owner.die()


@fault("connection")
def resets_midway(handler: _Handler, reply: Reply) -> None:
    """Breaks the connection after the first half of an answer."""
    _half(handler, reply)
    handler.reset()


@fault("connection")
def drips_headers(handler: _Handler, reply: Reply) -> None:
    """Sends a header field every tenth of a second, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.pause(0.1):
        handler.wfile.write(b"X-Wait: a little\r\n")


@fault("connection")
def drips_body(handler: _Handler, reply: Reply) -> None:
    """Sends a byte of the body every tenth of a second, for ever."""
    handler.send_head(reply, ("Transfer-Encoding", "chunked"))
    while not handler.pause(0.1):
        handler.send_chunk(b" ")


@fault("connection")
def endless_body(handler: _Handler, reply: Reply) -> None:
    """JSON that does not end."""
    handler.send_head(reply, ("Transfer-Encoding", "chunked"))
    while not handler.pause(0):
        handler.send_chunk(b" " * 65536)


@fault("connection")
def endless_stream(handler: _Handler, reply: Reply) -> None:
    """Repeats the first event of a stream without end; other answers are good."""
    if reply.events is None:
        return handler.send_body(reply)
    handler.send_head(reply, ("Transfer-Encoding", "chunked"))
    while not handler.pause(0):
        handler.send_chunk(reply.events[0] * 100)


@fault("connection")
def not_http(handler: _Handler, reply: Reply) -> None:
    """Answers in another protocol."""
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def _half(handler: _Handler, reply: Reply) -> None:
    data = reply.body or b"".join(reply.events or [])
    handler.send_head(reply, ("Content-Length", str(len(data))))
    handler.wfile.write(data[: len(data) // 2])


# What is sent ----------------------------------------------------------------------------------


@fault("reply")
def html(reply: Reply, handler: _Handler) -> Reply:
    """A page instead of each answer."""
    return _instead(reply, 200, b"<html><body>It works!</body></html>", "text/html")


@fault("reply")
def invalid_json(reply: Reply, handler: _Handler) -> Reply:
    """JSON cut short."""
    return _instead(reply, reply.status, reply.body[:-2] or b'{"id": ', "application/json")


@fault("reply")
def invalid_utf8(reply: Reply, handler: _Handler) -> Reply:
    """A byte that no UTF-8 has, within a string."""
    if reply.events:
        reply.events[0] = reply.events[0].replace(b'"id": "', b'"id": "\xff', 1)
    reply.body = reply.body.replace(b'": "', b'": "\xff', 1)
    return reply


@fault("reply")
def nested_json(reply: Reply, handler: _Handler) -> Reply:
    """JSON nested more deeply than parsers go."""
    return _instead(reply, reply.status, b"[" * 200_000, "application/json")


@fault("reply")
def empty_choices(reply: Reply, handler: _Handler) -> Reply:
    """Answers without any choice."""
    if reply.body.startswith(b'{"id"'):
        reply.body = json.dumps({**json.loads(reply.body), "choices": []}).encode()
    return reply


@fault("reply")
def null_body(reply: Reply, handler: _Handler) -> Reply:
    """`null` with the right status."""
    return _instead(reply, reply.status, b"null", "application/json")


@fault("reply")
def error_500(reply: Reply, handler: _Handler) -> Reply:
    """A well-formed error for everything."""
    body = protocol.Refused(500, "Something went wrong.").body()
    return _instead(reply, 500, json.dumps(body).encode(), "application/json")


@fault("reply")
def error_not_openai(reply: Reply, handler: _Handler) -> Reply:
    """Refusals with the right status and another body."""
    if reply.status >= 400:
        reply.body = b'{"oops": "bad request"}'
    return reply


@fault("reply")
def invalid_is_500(reply: Reply, handler: _Handler) -> Reply:
    """Invalid requests meet an internal error."""
    reply.status = 500 if reply.status in (400, 404) else reply.status
    return reply


@fault("reply")
def plain_type(reply: Reply, handler: _Handler) -> Reply:
    """The content type is text/plain."""
    reply.kind = "text/plain"
    return reply


@fault("reply")
def echoes_key(reply: Reply, handler: _Handler) -> Reply:
    """The Authorization header stands in each answer, raw and JSON-escaped, and nothing works."""
    secret = handler.headers.get("authorization", "")
    body = {"you_sent": secret, "and": json.dumps(secret)}
    return _instead(reply, 500, json.dumps(body).encode(), "application/json")


@fault("reply")
def buffered(reply: Reply, handler: _Handler) -> Reply:
    """A stream is sent when it is complete."""
    reply.held = 1.0
    return reply


@fault("reply")
def half_buffered(reply: Reply, handler: _Handler) -> Reply:
    """The larger part of a stream is sent when it is complete, and the rest as it comes."""
    reply.held = 0.6
    return reply


def _instead(reply: Reply, status: int, body: bytes, kind: str) -> Reply:
    reply.status, reply.body, reply.kind, reply.events = status, body, kind, None
    return reply


# Streams ---------------------------------------------------------------------------------------


@fault("events")
def no_done(events: list[bytes]) -> list[bytes]:
    """The stream ends without [DONE]."""
    return events[:-1]


@fault("events")
def more_after_done(events: list[bytes]) -> list[bytes]:
    """An event follows [DONE]."""
    return [*events, events[0]]


@fault("events")
def ends_inside_event(events: list[bytes]) -> list[bytes]:
    """The empty line after the last event is missing."""
    return [*events[:-1], events[-1].rstrip()]


@fault("events")
def broken_event(events: list[bytes]) -> list[bytes]:
    """One event is JSON cut short."""
    return [events[0], events[1].replace(b"}\n", b"\n"), *events[2:]]


@fault("events")
def named_events(events: list[bytes]) -> list[bytes]:
    """Each event has a type of its own."""
    return [b"event: chunk\n" + event for event in events]


@fault("events")
def bare_json_lines(events: list[bytes]) -> list[bytes]:
    """JSON lines without `data:`."""
    return [event.removeprefix(b"data: ") for event in events]


@fault("chunks")
def no_usage_chunk(chunks: list[Body]) -> list[Body]:
    """`include_usage` is ignored."""
    return [chunk for chunk in chunks if "usage" not in chunk]


@fault("chunks")
def usage_with_choice(chunks: list[Body]) -> list[Body]:
    """The usage comes with the last choice."""
    if "usage" not in chunks[-1]:
        return chunks
    return [*chunks[:-2], {**chunks[-2], "usage": chunks[-1]["usage"]}]


@fault("chunks")
def usage_unasked(chunks: list[Body]) -> list[Body]:
    """A usage chunk always comes."""
    counts = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return [*chunks[:-1], chunks[-1], {**chunks[0], "choices": [], "usage": counts}]


@fault("chunks")
def finish_lost(chunks: list[Body]) -> list[Body]:
    """No chunk has a finish_reason."""
    return _each_choice(chunks, lambda choice: {**choice, "finish_reason": None})


@fault("chunks")
def finish_repeated(chunks: list[Body]) -> list[Body]:
    """Every chunk has a finish_reason."""
    return _each_choice(chunks, lambda choice: {**choice, "finish_reason": "stop"})


@fault("chunks")
def finish_wrong(chunks: list[Body]) -> list[Body]:
    """`stop` and `length` are exchanged."""
    other = {"stop": "length", "length": "stop", None: None}
    return _each_choice(
        chunks, lambda choice: {**choice, "finish_reason": other[choice["finish_reason"]]}
    )


@fault("chunks")
def finish_empty(chunks: list[Body]) -> list[Body]:
    """An empty string stands for null."""
    return _each_choice(
        chunks, lambda choice: {**choice, "finish_reason": choice["finish_reason"] or ""}
    )


@fault("chunks")
def finish_lost_with_logprobs(chunks: list[Body]) -> list[Body]:
    """Where logprobs are asked for, no chunk has a finish_reason."""
    asked = any(choice.get("logprobs") for chunk in chunks for choice in chunk["choices"])
    return finish_lost(chunks) if asked else chunks


@fault("chunks")
def logprobs_not_streamed(chunks: list[Body]) -> list[Body]:
    """A stream leaves out logprobs."""
    return _each_choice(chunks, lambda choice: {**choice, "logprobs": None})


@fault("chunks")
def role_repeated(chunks: list[Body]) -> list[Body]:
    """Every delta carries the role."""
    return _each_delta(chunks, {"role": "assistant"})


@fault("chunks")
def role_missing(chunks: list[Body]) -> list[Body]:
    """No delta carries a role."""
    return _each_delta(chunks, {"role": None})


@fault("chunks")
def ids_change(chunks: list[Body]) -> list[Body]:
    """Every chunk has an id of its own."""
    return [{**chunk, "id": f"{chunk['id']}-{n}"} for n, chunk in enumerate(chunks)]


@fault("chunks")
def chunk_untyped(chunks: list[Body]) -> list[Body]:
    """`created` is a string."""
    return [{**chunk, "created": str(chunk["created"])} for chunk in chunks]


@fault("generated")
def splits_utf8(generated: Generated, body: Body) -> Generated:
    """Each token is decoded for itself; the answer in one piece is right."""
    if not body.get("stop"):
        generated.pieces = [token.decode(errors="replace") for token in generated.tokens]
    return generated


@fault("generated")
def loses_spaces(generated: Generated, body: Body) -> Generated:
    """Spaces at a chunk's edge are stripped; the answer in one piece is right."""
    generated.pieces = [piece.strip() for piece in generated.pieces]
    return generated


@fault("generated")
def leaks_stop(generated: Generated, body: Body) -> Generated:
    """The stop string's first characters, which came with an earlier token, are in the stream."""
    if body.get("stop") and generated.finish_reason == "stop" and generated.pieces:
        generated.pieces[-2] = generated.names[-2]
    return generated


@fault("request")
def one_streamed_choice(body: Body) -> Body:
    """A stream has one choice, whatever n is."""
    return {**body, "n": 1} if body.get("stream") else body


def _each_choice(chunks: list[Body], change: Callable[[Body], Body]) -> list[Body]:
    return [
        {**chunk, "choices": [change(choice) for choice in chunk["choices"]]} for chunk in chunks
    ]


def _each_delta(chunks: list[Body], fields: Body) -> list[Body]:
    def change(choice: Body) -> Body:
        return {**choice, "delta": {**choice["delta"], **fields}} if "delta" in choice else choice

    return _each_choice(chunks, change)


# What the model does ---------------------------------------------------------------------------


@fault("generated")
def wrong_counts(generated: Generated, body: Body) -> Generated:
    """One completion token too many is counted in a stream, and one prompt token always."""
    generated.prompt_tokens += 1
    generated.completion_tokens += bool(body.get("stream"))
    return generated


@fault("refusal")
def accepts_invalid(route: str, refused: protocol.Refused) -> Body:
    """Answers an invalid request as if it had been a modest valid one."""
    if refused.status in (401, 405):
        raise refused
    question = [{"role": "user", "content": "Hi"}]
    return {"messages": question, "prompt": "Hi", "max_tokens": 1, "temperature": 0}


@fault("refusal")
def accepts_any_model(route: str, refused: protocol.Refused) -> Body:
    """Answers whatever the model is called."""
    return accepts_invalid(route, refused) if refused.param == "model" else _refuse(route, refused)


# Constraints and tools -------------------------------------------------------------------------


@fault("answer")
def breaks_enumerations(answer: Body) -> Body:
    """JSON of the right form, with values in small letters."""
    return _each_message(answer, lambda m: {**m, "content": m["content"] and m["content"].lower()})


@fault("answer")
def wraps_json(answer: Body) -> Body:
    """JSON in a fence, as models write it of their own accord."""
    return _each_message(answer, lambda m: {**m, "content": f"```json\n{m['content']}\n```"})


@fault("answer")
def cuts_arguments(answer: Body) -> Body:
    """A call's arguments lack their end."""
    return _each_call(answer, lambda call: call["function"].update(arguments='{"state": "o'))


@fault("answer")
def reuses_ids(answer: Body) -> Body:
    """All calls have one id."""
    return _each_call(answer, lambda call: call.update(id="call_1"))


@fault("answer")
def calls_as_text(answer: Body) -> Body:
    """Calls are left in the text, as a model writes them."""

    def left(message: Body) -> Body:
        called = message.pop("tool_calls", None)
        return {**message, "content": f"<tool_call>{called}</tool_call>"} if called else message

    return _each_message(answer, left)


@fault("chunks")
def call_ids_change(chunks: list[Body]) -> list[Body]:
    """Each delta of a streamed call has an id of its own."""
    for number, chunk in enumerate(chunks):
        for choice in chunk["choices"]:
            for call in choice.get("delta", {}).get("tool_calls", []):
                call["id"] = f"call_{number}"
    return chunks


@fault("chunks")
def call_finish_stop(chunks: list[Body]) -> list[Body]:
    """A streamed call ends as words do."""

    def stop(choice: Body) -> Body:
        called = choice["finish_reason"] == "tool_calls"
        return {**choice, "finish_reason": "stop"} if called else choice

    return _each_choice(chunks, stop)


def _each_message(answer: Body, change: Callable[[Body], Body]) -> Body:
    for choice in answer["choices"]:
        if "message" in choice:
            choice["message"] = change(choice["message"])
    return answer


def _each_call(answer: Body, change: Callable[[Body], object]) -> Body:
    for choice in answer["choices"]:
        for call in choice.get("message", {}).get("tool_calls", []):
            change(call)
    return answer


class Crash(Exception):
    """The server is to end on this request."""


@fault("request")
def dies_on_lists(body: Body) -> Body:
    """The whole server is gone when a completion is asked for with a list of prompts."""
    if isinstance(body.get("prompt"), list):
        raise Crash
    return body


class Hang(Exception):
    """On this request the server ends to generate, for it and for all others."""


@fault("request")
def hangs_on_lists(body: Body) -> Body:
    """Nothing is generated any more, and nobody told so, from the first list of prompts on."""
    if isinstance(body.get("prompt"), list):
        raise Hang
    return body


def ignores(name: str) -> Fault:
    """A parameter is accepted and has no effect."""
    return Fault(request=lambda body: {key: value for key, value in body.items() if key != name})


IGNORED = (
    "stop", "n", "seed", "logprobs", "top_logprobs", "logit_bias", "max_tokens", "temperature",
    "stream", "stream_options", "presence_penalty", "frequency_penalty", "top_p", "echo",
    "response_format", "structured_outputs", "tools", "tool_choice",
)  # fmt: skip
MODES |= {f"ignores-{name.replace('_', '-')}": ignores(name) for name in IGNORED}
