"""Turns of the official `anthropic` client."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.api.messages.asking import tool, translated
from conformance.api.prompts import user
from conformance.api.tools.errands import TOOLS, errand
from conformance.api.tools.judging import TheModelsChoice
from conformance.outcomes import Failed, Silent

RESULT = errand("tool_result_sunny", scripted=True)
"""What is known of the turn: the weather is asked for, told as sunny, and said."""


@dataclass(frozen=True)
class Turn:
    """The calls of the first message, and the text of both."""

    calls: Sequence[tuple[str, object]]
    first: str
    last: str


def asked(model: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The arguments of a request. (This client has no name for `temperature` any more.)"""
    return {
        "model": model,
        "max_tokens": 16,
        "extra_body": {"temperature": 0},
        **translated(messages),
    }


def text(message: Any) -> str:
    """The text of a message."""
    return "".join(block.text for block in message.content if block.type == "text")


def deltas(events: Iterable[Any]) -> str:
    """The text of a stream's events."""
    return "".join(
        event.delta.text
        for event in events
        if event.type == "content_block_delta" and event.delta.type == "text_delta"
    )


def turn(client: Any, model: str, *, stream: bool) -> Turn:
    """A question, a call, its result, and the answer; the client's own blocks go back."""
    question, *_, result = RESULT.messages
    told: list[Any] = [user(question["content"])]
    more = {"tools": [tool(each) for each in TOOLS], "max_tokens": 200}
    first = _create(client, {**asked(model, []), **more, "messages": told}, stream)
    used = [block for block in first.content if block.type == "tool_use"]
    if not used:
        return Turn([], text(first), "")
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": result["content"]}
        for block in used
    ]
    told += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    last = _create(client, {**asked(model, []), **more, "messages": told}, stream)
    return Turn([(block.name, block.input) for block in used], text(first), text(last))


def as_told(turn: Turn, scripted: bool) -> None:
    """The turn is the known one, or, of a model that is not known, one of offered tools.

    Raises:
        Silent: a call that the model wrote is left in its text.
        Failed: it is another.
        TheModelsChoice: a model that is not known calls nothing.
    """
    if not turn.calls and not scripted:
        raise TheModelsChoice("The model made no call: one that does would decide")
    if not turn.calls:
        raise Silent("A call is left in the text", expected="a call", actual=turn.first)
    known = RESULT.known
    if scripted and known is not None:
        wanted = ([("get_weather", {"city": "Paris", "unit": "celsius"})], known.content)
        if (list(turn.calls), turn.last) != wanted:
            raise Failed("A turn of the client's is another", expected=wanted, actual=turn)
    elif not turn.last:
        raise Failed("A result is answered with nothing", expected="an answer", actual=turn)


def same_count(found: int, message: Any) -> None:
    """`count_tokens` counts what the message's usage does. Raises Failed."""
    usage = message.usage
    cached = [usage.cache_creation_input_tokens or 0, usage.cache_read_input_tokens or 0]
    if found != usage.input_tokens + sum(cached):
        raise Failed("The client's count is another", expected=usage, actual=found)


def _create(client: Any, request: dict[str, Any], stream: bool) -> Any:
    if not stream:
        return client.messages.create(**request)
    with client.messages.stream(**request) as streamed:
        return streamed.get_final_message()
