"""Streamed messages: events in their order, and a sum that is the message given at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.api import expect, streams
from conformance.api.ask import Stream
from conformance.api.messages import events
from conformance.api.messages.asking import MessagesApi
from conformance.api.prompts import GREETING, Prompts
from conformance.api.tools import judging as turns
from conformance.api.tools.errands import MARKUP, Errand
from conformance.compare import texts
from conformance.requirements import MUST, SHOULD, requirement

Errands = Callable[[str], Errand]

SOURCE = "Anthropic POST /v1/messages: stream"
API = ("api",)

SCRIPTS = {
    "text": "no_tool_joke",
    "call": "tool_weather",
    "calls": "tools_parallel",
    "two-tools": "tools_parallel_mixed",
    "escapes": "tool_hostile_arguments",
    "text-and-call": "tool_after_text",
    "reasoning": "think_sum",
    "reasoning-and-call": "tool_after_thinking",
}


@requirement(
    "api/messages/stream-named",
    MUST,
    source=f"{SOURCE}; the event field",
    profiles=API,
    honours="stream",
)
def test_stream_named(messages: MessagesApi, prompts: Prompts) -> None:
    """The `event` field of each event MUST be the `type` that its data has.

    The official client dispatches by the name, and others by the type.
    """
    events.named_as_typed(messages.stream(prompts.words))


@requirement("api/messages/stream-order", MUST, source=SOURCE, profiles=API, honours="stream")
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_stream_order(messages: MessagesApi, errands: Errands, script: str) -> None:
    """A stream MUST be `message_start`, its blocks one after the other, each begun, filled and
    ended under one index, then `message_delta` and `message_stop`.

    Clients keep a list and put each delta where its index says.
    """
    _, inner, _ = events.framed(messages.run_stream(errands(script)))
    events.blocks(inner)


@requirement("api/messages/stream-whole", MUST, source=SOURCE, profiles=API, honours="stream")
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_stream_whole(messages: MessagesApi, errands: Errands, script: str) -> None:
    """The events MUST add up to the message that is answered at once: text, thoughts, calls and
    the reason of its end.

    What is lost or doubled at an event's edge is a call that cannot be read.
    """
    errand = errands(script)
    streamed = messages.run_stream(errand).said().turn
    if errand.known is not None:  # another model's long answers need not repeat
        turns.same_turn(streamed, messages.run(errand).turn)


@requirement(
    "api/messages/stream-text", MUST, source=SOURCE, profiles=API, honours="stream, messages"
)
@pytest.mark.parametrize("kind", ["words", "emoji"])
def test_stream_text(messages: MessagesApi, prompts: Prompts, kind: str) -> None:
    """The deltas of a text MUST add up to the text that is answered at once, to the last byte.

    Emoji whose bytes lie in several tokens, and spaces at the edge of two, are what breaks here.
    """
    asked = getattr(prompts, kind)
    streams.same_text("".join(messages.stream(asked).deltas("text")), messages.say(asked).text)


@requirement(
    "api/messages/stream-usage", MUST, source=f"{SOURCE}; usage", profiles=API, honours="stream"
)
def test_stream_usage(messages: MessagesApi, prompts: Prompts) -> None:
    """`message_start` MUST count the prompt and `message_delta` the answer, as a message given at
    once does.

    It is the only bill that a stream has.
    """
    streamed, whole = messages.stream(prompts.words), messages.say(prompts.words)
    head, _, end = events.framed(streamed)
    wanted = (whole.body.usage.input_tokens, whole.body.usage.output_tokens)
    found = (head.get("usage", {}).get("input_tokens"), end.get("usage", {}).get("output_tokens"))
    expect.same(found, wanted, what="The usage of a streamed message")


@requirement(
    "api/messages/stream-cut",
    MUST,
    source=f"{SOURCE}, max_tokens",
    profiles=API,
    honours="stream, max_tokens",
)
def test_stream_cut(messages: MessagesApi, prompts: Prompts) -> None:
    """A stream that is cut at `max_tokens` MUST say so in `message_delta`.

    As for a message given at once.
    """
    said = messages.stream(prompts.words, max_tokens=2).said()
    texts.cut(said.body.usage.output_tokens, said.reason, 2, "max_tokens")


@requirement(
    "api/messages/stream-bit-by-bit", MUST, source=SOURCE, profiles=API, alone=True,
    honours="stream",
)  # fmt: skip
def test_stream_bit_by_bit(messages: MessagesApi, prompts: Prompts) -> None:
    """The events of a stream MUST be sent while the answer is generated.

    A server that holds them back to the end has a stream's form and none of its use.
    """

    def stream() -> Stream:
        tokens = min(prompts.long_tokens, 64)
        return messages.stream(prompts.long, max_tokens=tokens, anew=True).plain

    streams.sent_while_generating(stream(), again=stream)


@requirement(
    "api/messages/stream-arguments",
    SHOULD,
    source=f"{SOURCE}; input_json_delta",
    profiles=API,
    honours="stream, tools",
)
def test_stream_arguments(messages: MessagesApi, errands: Errands) -> None:
    """Long arguments SHOULD come in several deltas.

    A file that an agent writes is an argument: held back to its end, it looks as if the server
    hung.
    """
    streamed = messages.run_stream(errands("tool_hostile_arguments"))
    turns.in_pieces(streamed.deltas("partial_json"))


@requirement(
    "api/messages/stream-no-markup",
    MUST,
    source="vLLM holds it back",
    profiles=API,
    honours="stream, tools",
)
def test_stream_no_markup(messages: MessagesApi, errands: Errands) -> None:
    """No part of the model's own mark of a call MUST be streamed as text.

    What was sent cannot be taken back.
    """
    turns.no_markup(messages.run_stream(errands("tool_after_text")).said().turn, MARKUP)


@requirement("api/messages/not-streamed", MUST, source=SOURCE, profiles=API, honours="stream")
def test_not_streamed(messages: MessagesApi) -> None:
    """With `stream` false the answer MUST be one JSON object.

    Some clients always send the field.
    """
    response = messages.send(GREETING, stream=False)
    expect.ok(response)
    expect.json_content_type(response)
