"""Streamed responses: events in their order, and a sum that is the answer given at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.api import expect, streams
from conformance.api.ask import Stream
from conformance.api.prompts import GREETING, Prompts
from conformance.api.responses import events, judging
from conformance.api.responses.asking import Responses, items
from conformance.api.responses.reading import LOGPROBS
from conformance.api.tools import judging as turns
from conformance.api.tools.errands import LIGHT, MARKUP, Errand, switched
from conformance.compare import texts
from conformance.requirements import MUST, SHOULD, requirement

Errands = Callable[[str], Errand]

SOURCE = "OpenAI responses.create: stream"
API = ("api",)

SCRIPTS = {
    "text": "no_tool_joke",
    "call": "tool_weather",
    "calls": "tools_parallel",
    "text-and-call": "tool_after_text",
    "reasoning": "think_sum",
    "reasoning-and-call": "tool_after_thinking",
}


@requirement("api/responses/stream-typed", MUST, source=SOURCE, profiles=API, honours="stream")
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_stream_typed(responses: Responses, errands: Errands, script: str) -> None:
    """Every event of a stream MUST be, field for field, one that the client defines.

    Clients tell events apart by their type and read the fields that go with it.
    """
    events.typed(responses.run_stream(errands(script)))


@requirement(
    "api/responses/stream-named",
    MUST,
    source=f"{SOURCE}; server-sent events: the event field",
    profiles=API,
    honours="stream",
)
def test_stream_named(responses: Responses, prompts: Prompts) -> None:
    """The `event` field of each event MUST be the `type` that its data has.

    Clients in other languages dispatch by the one or by the other.
    """
    events.named_as_typed(responses.stream(prompts.words))


@requirement("api/responses/stream-framed", MUST, source=SOURCE, profiles=API, honours="stream")
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_stream_framed(responses: Responses, errands: Errands, script: str) -> None:
    """A stream MUST begin with `response.created` and `response.in_progress` and end with one event
    that carries the whole response, all of one id.

    The id is what a program keeps to ask for the response again; the last event, what it stores.
    (vLLM ends with `response.completed`, also where OpenAI says `response.incomplete`.)
    """
    events.begun_and_ended(responses.run_stream(errands(script)))


@requirement(
    "api/responses/stream-numbered",
    MUST,
    source=f"{SOURCE}: sequence_number",
    profiles=API,
    honours="stream",
)
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_stream_numbered(responses: Responses, errands: Errands, script: str) -> None:
    """`sequence_number` MUST count the events of a stream from 0, none left out and none twice.

    A client that lost its connection goes on after the last number it has.
    """
    events.numbered(responses.run_stream(errands(script)))


@requirement(
    "api/responses/stream-nested",
    MUST,
    source=f"{SOURCE}: output_item, content_part, output_text, reasoning_text, "
    "function_call_arguments",
    profiles=API,
    honours="stream",
)
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_stream_nested(responses: Responses, errands: Errands, script: str) -> None:
    """Items MUST come one after the other, added, then filled, then done, their parts inside them,
    with one id and index throughout, and what is done be the sum of its deltas.

    Clients keep a tree and put each delta where its indices say; an event for a branch that is not
    there ends the program, and a text that differs from its deltas shows the person another answer
    than the one that is stored.
    """
    events.nested(responses.run_stream(errands(script)))


@requirement("api/responses/stream-whole", MUST, source=SOURCE, profiles=API, honours="stream")
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_stream_whole(responses: Responses, errands: Errands, script: str) -> None:
    """The items of a stream MUST add up to the response that its last event carries, and that be
    what is answered at once.

    Half of the programs collect deltas, and half wait for the last event.
    """
    errand = errands(script)
    streamed = responses.run_stream(errand)
    turns.same_turn(streamed.turn(), streamed.said().turn)
    if errand.known is not None:  # another model's long answers need not repeat
        turns.same_turn(streamed.said().turn, responses.run(errand).turn)


@requirement(
    "api/responses/stream-ids",
    SHOULD,
    source=f"{SOURCE}; vLLM 0.32 keeps the ids, and 0.27 made new ones",
    profiles=API,
    honours="stream",
)
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_stream_ids(responses: Responses, errands: Errands, script: str) -> None:
    """Items and calls SHOULD have the same ids in a stream's last event as in the events before.

    The result of a call is sent with the call's id. One taken from the stream is not to be found in
    the response that was stored.
    """
    events.same_ids(responses.run_stream(errands(script)))


@requirement(
    "api/responses/stream-text", MUST, source=SOURCE, profiles=API, honours="stream, input"
)
@pytest.mark.parametrize("kind", ["words", "emoji"])
def test_stream_text(responses: Responses, prompts: Prompts, kind: str) -> None:
    """The deltas of a text MUST add up to the text that is answered at once, to the last byte.

    Emoji whose bytes lie in several tokens, and spaces at the edge of two, are what breaks here.
    """
    asked = getattr(prompts, kind)
    streams.same_text(responses.stream(asked).text(), responses.say(asked).text)


@requirement(
    "api/responses/stream-usage",
    MUST,
    source=f"{SOURCE}; response.completed: usage",
    profiles=API,
    honours="stream",
)
def test_stream_usage(responses: Responses, prompts: Prompts) -> None:
    """The last event of a stream MUST count the tokens as the answer given at once does.

    Nobody has to ask for it, and it is the only bill that a stream has.
    """
    streamed = responses.stream(prompts.words).said().turn.usage
    whole = responses.say(prompts.words).turn.usage
    judging.same_counts(streamed, whole)


@requirement(
    "api/responses/stream-incomplete",
    MUST,
    source=f"{SOURCE}; incomplete_details",
    profiles=API,
    honours="stream, max_output_tokens",
)
def test_stream_incomplete(responses: Responses, prompts: Prompts) -> None:
    """A stream that is cut at `max_output_tokens` MUST say so in its last event.

    As for an answer given at once.
    """
    said = responses.stream(prompts.words, max_output_tokens=2).said()
    texts.cut(said.usage.output_tokens, said.reason, 2, "max_output_tokens")


@requirement(
    "api/responses/stream-logprobs",
    MUST,
    source=f"{SOURCE}; response.output_text.delta: logprobs",
    profiles=API,
    honours="stream, include, top_logprobs",
)
def test_stream_logprobs(responses: Responses, prompts: Prompts) -> None:
    """The deltas of a stream that is to `include` logprobs MUST carry those of their tokens.

    An interface that shows how sure the model is shows it while the answer grows.
    """
    asked: dict[str, Any] = {"max_output_tokens": 3, "include": [LOGPROBS], "top_logprobs": 1}
    judging.streamed_scores(responses.stream(prompts.words, **asked))


@requirement(
    "api/responses/stream-bit-by-bit", MUST, source=SOURCE, profiles=API, alone=True,
    honours="stream",
)  # fmt: skip
def test_stream_bit_by_bit(responses: Responses, prompts: Prompts) -> None:
    """The events of a stream MUST be sent while the answer is generated.

    A server that holds them back to the end has a stream's form and none of its use.
    """
    asked = {"max_output_tokens": min(prompts.long_tokens, 64), "anew": True}

    def stream() -> Stream:
        return responses.stream(prompts.long, **asked).plain

    streams.sent_while_generating(stream(), again=stream)


@requirement(
    "api/responses/stream-arguments",
    SHOULD,
    source=f"{SOURCE}; response.function_call_arguments.delta",
    profiles=API,
    honours="stream, tools",
)
def test_stream_arguments(responses: Responses, errands: Errands) -> None:
    """Long arguments SHOULD come in several deltas.

    A file that a model writes is an argument: held back to its end, it looks as if the server hung.
    """
    streamed = responses.run_stream(errands("tool_hostile_arguments"))
    turns.in_pieces(streamed.deltas("response.function_call_arguments.delta"))


@requirement(
    "api/responses/stream-no-markup",
    MUST,
    source="vLLM holds it back",
    profiles=API,
    honours="stream, tools",
)
def test_stream_no_markup(responses: Responses, errands: Errands) -> None:
    """No part of the model's own mark of a call MUST be streamed as text.

    What was sent cannot be taken back: people see a bracket, half a tag, and then nothing.
    """
    turns.no_markup(responses.run_stream(errands("tool_after_text")).turn(), MARKUP)


@requirement(
    "api/responses/stream-forced",
    MUST,
    source=f"{SOURCE}, tool_choice",
    profiles=API,
    honours="stream, tools, tool_choice",
)
def test_stream_forced(responses: Responses, errands: Errands) -> None:
    """A call that the request forces MUST be streamed as one that the model chose is.

    Servers that take another way for forced calls forget an id, or the end, of their events.
    """
    streamed = responses.run_stream(switched(errands("tool_weather")), tool_choice="required")
    events.nested(streamed)
    turn = streamed.said().turn
    turns.keeps_schema(turns.one_call(turn, LIGHT, choice="required"), LIGHT)


@requirement(
    "api/responses/stream-options",
    SHOULD,
    source=f"{SOURCE}_options: include_obfuscation; vLLM ignores it",
    profiles=API,
    accepts="stream_options",
)
def test_stream_options(responses: Responses) -> None:
    """A stream SHOULD NOT fail because obfuscation of its sizes is turned off.

    Programs turn it off to save bytes, on every server.
    """
    asked = {"max_output_tokens": 1, "stream_options": {"include_obfuscation": False}}
    events.begun_and_ended(responses.stream(GREETING, **asked))


@requirement("api/responses/not-streamed", MUST, source=SOURCE, profiles=API, honours="stream")
def test_not_streamed(responses: Responses) -> None:
    """With `stream` false the answer MUST be one JSON object.

    Some clients always send the field.
    """
    response = responses.send(items([{"role": "user", "content": GREETING}]), stream=False)
    expect.ok(response)
    expect.json_content_type(response)
