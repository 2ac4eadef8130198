"""Streamed turns with tools: deltas that add up to the answer given at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.api import expect, streams
from conformance.api.ask import Ask
from conformance.api.tools import counting, judging, turns
from conformance.api.tools.errands import LIGHT, MARKUP, Errand, named, switched
from conformance.requirements import MUST, SHOULD, requirement

Errands = Callable[[str], Errand]

CHAT = "chat.completions.create"
HONOURS = f"{CHAT}: stream, tools"
DELTA = "OpenAI chat.completions.create, chunk: choices[].delta.tool_calls"
API = ("api",)


@requirement("api/tools/stream", MUST, source=DELTA, profiles=API, alone=True, honours=HONOURS)
@pytest.mark.parametrize(
    "script",
    [
        "tool_weather", "tools_parallel", "tools_parallel_mixed", "tool_after_text",
        "tool_hostile_arguments", "tool_after_thinking", "no_tool_joke",
    ],
    ids=["call", "same-tool-twice", "two-tools", "text-before", "escapes", "reasoning", "text"],
)  # fmt: skip
def test_stream(ask: Ask, errands: Errands, script: str) -> None:
    """The deltas of a streamed turn MUST add up to the answer given at once: text, thoughts, names,
    arguments and the reason of its end.

    Agents stream; what is lost or doubled at a chunk's edge is a call that cannot be read. (Each
    call begins with its id, type and name, said once, and is known by its index after that.)
    """
    errand = errands(script)
    streamed = turns.joined(turns.stream(ask, errand))
    judging.same_turn(streamed, turns.take(ask, errand))


@requirement("api/tools/stream-ids", MUST, source=DELTA, profiles=API, honours=HONOURS)
def test_stream_ids(ask: Ask, errands: Errands) -> None:
    """Every call of a stream MUST have an id of its own, and its index count from 0.

    Clients put calls together by index and send results by id; either one twice, and two calls
    become one.
    """
    errand = errands("tools_parallel")
    judging.different_ids([turns.joined(turns.stream(ask, errand))])


@requirement(
    "api/tools/stream-finish", MUST, source=f"{DELTA}; finish_reason", profiles=API, honours=HONOURS
)
def test_stream_finish(ask: Ask, errands: Errands) -> None:
    """A stream with a call MUST end with `tool_calls`, said once, on the last chunk of its choice.

    It is the sign on which agents run what they have collected.
    """
    errand = errands("tool_weather")
    judging.as_known(turns.joined(turns.stream(ask, errand)), errand)


@requirement(
    "api/tools/stream-no-markup", MUST, source="vLLM holds it back", profiles=API, honours=HONOURS
)
def test_stream_no_markup(ask: Ask, errands: Errands) -> None:
    """No part of the model's own mark of a call MUST be streamed as text.

    What was sent cannot be taken back: people see a bracket, half a tag, and then nothing.
    """
    turn = turns.joined(turns.stream(ask, errands("tool_after_text")))
    judging.no_markup(turn, MARKUP)


@requirement(
    "api/tools/stream-bit-by-bit",
    SHOULD,
    source="vLLM streams arguments as they come",
    profiles=API,
    honours=HONOURS,
)
def test_stream_bit_by_bit(ask: Ask, errands: Errands) -> None:
    """Long arguments SHOULD come in several deltas.

    A file that a model writes is an argument: held back to its end, it looks as if the server
    hung.
    """
    judging.in_pieces(turns.argument_pieces(turns.stream(ask, errands("tool_hostile_arguments"))))


@requirement(
    "api/tools/stream-forced",
    MUST,
    source=f"{DELTA}; tool_choice",
    profiles=API,
    honours=f"{CHAT}: stream, tools, tool_choice",
)
@pytest.mark.parametrize("choice", ["required", "named"])
def test_stream_forced(ask: Ask, errands: Errands, choice: str) -> None:
    """A call that the request forces MUST be streamed as one that the model chose is.

    Servers that take another way for forced calls forget the id, or the end, of a stream.
    """
    asked = named(LIGHT["function"]["name"]) if choice == "named" else choice
    finish = judging.CALLED if choice == "named" else frozenset({"tool_calls"})
    turn = turns.joined(turns.stream(ask, switched(errands("tool_weather")), tool_choice=asked))
    judging.keeps_schema(judging.one_call(turn, LIGHT, choice=choice, finish=finish), LIGHT)


@requirement(
    "api/tools/stream-parallel-false",
    MUST,
    source="OpenAI chat.completions.create: parallel_tool_calls false; vLLM keeps the first call",
    profiles=API,
    honours=f"{CHAT}: stream, parallel_tool_calls",
)
def test_stream_parallel_false(ask: Ask, errands: Errands) -> None:
    """With `parallel_tool_calls` false a stream MUST carry one call at most.

    Clients that handle one call add the second one's arguments to the first's.
    """
    errand = errands("tools_parallel_mixed").but(parallel_tool_calls=False)
    turn = turns.joined(turns.stream(ask, errand))
    judging.one_at_most(turn, errand.parameters["tools"])


@requirement(
    "api/tools/stream-usage",
    MUST,
    source="OpenAI chat.completions.create: stream_options.include_usage",
    profiles=API,
    alone=True,
    honours=f"{CHAT}: stream, stream_options, tools",
)
def test_stream_usage(ask: Ask, errands: Errands) -> None:
    """The usage of a streamed call MUST be that of the same answer given at once.

    A call's chunks are fewer than its tokens: a server that counts chunks bills too little.
    """
    errand = errands("tool_weather")
    asked = {"include_usage": True}
    counted = streams.usage(turns.stream(ask, errand, stream_options=asked))
    expect.same_counts(counted, counting.usage(turns.take(ask, errand)), what="a streamed call")
