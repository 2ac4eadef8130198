"""What a model did in one turn, read from a whole answer or put together from a stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall
from pydantic import BaseModel

from conformance.api import expect, streams
from conformance.api.ask import Ask, read_stream
from conformance.api.structured.asking import TRIES
from conformance.api.tools.errands import Errand
from conformance.outcomes import Absent, Failed, Unsupported
from conformance.targets.client import Response

THINK = "<think>"
"""vLLM leaves it at the beginning of a stream's reasoning, if it comes in one delta with more text:
that hangs on how busy the machine is, and docs/findings.md says where in its source."""


@dataclass(frozen=True)
class Call:
    """One call of a function; `arguments` is the text that the model wrote."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Turn:
    """One choice of an answer. Null content and reasoning are empty text."""

    content: str
    reasoning: str
    calls: list[Call]
    finish_reason: str
    usage: CompletionUsage | None


def whole(response: Response) -> Turn:
    """The first choice of a chat completion.

    Raises:
        Absent: the request is refused honestly: tools need to know the model's own way to call.
        Failed: the answer is no chat completion, or a call is no function's.
    """
    return every(response)[0]


def every(response: Response) -> list[Turn]:
    """All choices of a chat completion, at least one. Raises as `whole`."""
    _offered(response)
    completion = expect.chat(response)
    found = []
    for choice in completion.choices:
        calls = []
        for call in choice.message.tool_calls or []:
            if call.type != "function":
                raise Failed("A call is no function's", expected="function", actual=call.type)
            calls.append(Call(call.id, call.function.name, call.function.arguments))
        found.append(
            Turn(
                choice.message.content or "",
                reasoning(choice.message),
                calls,
                choice.finish_reason,
                completion.usage,
            )
        )
    if not found:
        raise Failed("A chat completion carries no choice", expected="one choice", actual="[]")
    return found


def take(ask: Ask, errand: Errand, **parameters: Any) -> Turn:
    """The answer to an errand. Raises as `whole`."""
    return whole(ask.chat(errand.messages, **{**errand.parameters, **parameters}))


def take_ended(ask: Ask, errand: Errand, **parameters: Any) -> Turn:
    """As `take`, asked again with a seed while the answer is cut at its length."""
    for more in TRIES:
        turn = take(ask, errand, **parameters, **more)
        if turn.finish_reason != "length":
            break
    return turn


def stream(ask: Ask, errand: Errand, **parameters: Any) -> list[ChatCompletionChunk]:
    """The chunks of a streamed answer to an errand. Raises as `whole`."""
    response = ask.chat(errand.messages, stream=True, **{**errand.parameters, **parameters})
    _offered(response)
    return read_stream(response).chat_chunks()


def joined(chunks: Sequence[ChatCompletionChunk]) -> Turn:
    """The turn that a stream's deltas add up to, by the index of each call.

    Raises:
        Failed: a call's deltas cannot be added up; see `_begun`.
    """
    calls: dict[int, Call] = {}
    thoughts = []
    for chunk in chunks:
        for choice in chunk.choices:
            thoughts.append(reasoning(choice.delta))
            for delta in choice.delta.tool_calls or []:
                calls[delta.index] = _added(calls, delta)
    return Turn(
        streams.text(chunks),
        "".join(thoughts).removeprefix(THINK),
        list(calls.values()),
        streams.finish_reason(chunks),
        chunks[-1].usage,
    )


def argument_pieces(chunks: Sequence[ChatCompletionChunk]) -> list[str]:
    """The pieces in which the first call's arguments came."""
    found = [
        delta.function.arguments or ""
        for chunk in chunks
        for choice in chunk.choices
        for delta in choice.delta.tool_calls or []
        if delta.index == 0 and delta.function
    ]
    return [piece for piece in found if piece]


def reasoning(message: BaseModel) -> str:
    """A message's or delta's reasoning: `reasoning` in vLLM, `reasoning_content` elsewhere."""
    extra = message.model_extra or {}
    found = extra.get("reasoning") or extra.get("reasoning_content") or ""
    if not isinstance(found, str):
        raise Failed("`reasoning` is no text", expected="a string or null", actual=found)
    return found


def _added(calls: dict[int, Call], delta: ChoiceDeltaToolCall) -> Call:
    """A call with one more delta.

    Raises:
        Failed: a call does not begin with its id, name and type; an index is left out or is that of
            another call; an id or a name comes again.
    """
    function = delta.function
    name = (function.name if function else None) or ""
    arguments = (function.arguments if function else None) or ""
    if delta.index in calls:
        before = calls[delta.index]
        if name and delta.id not in (None, "", before.id):
            raise Failed(
                "Two calls of a stream have one index",
                expected=len(calls),
                actual=delta.model_dump(exclude_unset=True),
            )
        if name or delta.id not in (None, "", before.id):
            raise Failed(
                "A call's id or name comes again within its deltas",
                expected=f"{before.name} once, {before.id} alone",
                actual=delta.model_dump(exclude_unset=True),
            )
        return Call(before.id, before.name, before.arguments + arguments)
    if delta.index != len(calls):
        raise Failed(
            "The indices of a stream's calls do not count from 0",
            expected=len(calls),
            actual=delta.index,
        )
    if not (delta.id and name and delta.type == "function"):
        raise Failed(
            "The first delta of a call lacks its id, its type or its name",
            expected='{"index", "id", "type": "function", "function": {"name"}}',
            actual=delta.model_dump(exclude_unset=True),
        )
    return Call(delta.id, name, arguments)


def _offered(response: Response) -> None:
    try:
        if response.status != 200:
            expect.ok(response)
    except Unsupported as refusal:
        raise Absent(
            f"Tools are not served for this model: {refusal.message}",
            expected=refusal.expected,
            actual=refusal.actual,
            cause="Tools are not served for this model",
        ) from None
