"""What the flows of official clients come to, judged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

from conformance.api import expect
from conformance.api.answers import Answer
from conformance.api.prompts import Prompts, user
from conformance.outcomes import Failed


class Weather(BaseModel):
    """What the client is to parse: its schema is sent, and the answer becomes an object."""

    city: Literal["Paris", "Rome", "Oslo"]
    unit: Literal["celsius", "fahrenheit"]


def contains(found: Sequence[str], model: str) -> None:
    """The served model is among those listed. Raises Failed."""
    if model not in found:
        raise Failed("The client does not find the model", expected=model, actual=found)


def joined(chunks: Iterable[ChatCompletionChunk]) -> str:
    """The text of a stream."""
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def same_text(found: str, wanted: str) -> None:
    """The client's text is the one that the server answers. Raises Failed."""
    expect.same(found, wanted, what="The text that the official client comes to")


def same_chat(completion: ChatCompletion, answer: Answer, *, usage: bool = True) -> None:
    """The client's completion is the answer that the server gives. Raises Failed."""
    found = completion.choices[0]
    told = (found.message.content, found.finish_reason, found.message.role)
    wanted = (answer.text, answer.finish_reason, "assistant")
    expect.same(told, wanted, what="The completion that the official client comes to")
    if usage and completion.usage is not None:
        expect.same_counts(completion.usage, answer.usage, what="the official client's completion")


def answered(text: str | None) -> None:
    """There is an answer. Raises Failed."""
    if not text:
        raise Failed("The official client comes to no text", expected="an answer", actual=text)


def counted(completion: ChatCompletion) -> None:
    """There is an answer of one token. Raises Failed."""
    if completion.usage is None or completion.usage.completion_tokens != 1:
        raise Failed("The client is not answered", expected="one token", actual=completion.usage)


def is_a(found: object, wanted: type[BaseModel]) -> None:
    """The client has made an object of the answer. Raises Failed."""
    if not isinstance(found, wanted):
        raise Failed(
            "The official client does not parse the answer",
            expected=wanted.__name__,
            actual=repr(found),
        )


def called_with(calls: Sequence[Any] | None, wanted: type[BaseModel]) -> None:
    """There is a call, and the client has made an object of its arguments. Raises Failed."""
    if not calls:
        raise Failed("No tool is called though one must be", expected="a call", actual=calls)
    is_a(calls[0].function.parsed_arguments, wanted)


def says_why(raised: Any) -> None:
    """The error has a message of the server's. Raises Failed."""
    body = raised.body
    said = body.get("message") if isinstance(body, dict) else None
    if not isinstance(said, str) or not said:
        raise Failed(
            "The client's error does not say why", expected="body['message']", actual=repr(body)
        )


async def together(client: AsyncOpenAI, model: str, prompts: Prompts) -> list[list[str]]:
    """The answers to two questions, four times each and all at once: by question."""
    questions: list[Any] = [prompts.words, [user("What colour is the sky?")]]
    asked: dict[str, Any] = {"model": model, "temperature": 0, "max_tokens": 8}
    found = await asyncio.gather(
        *[client.chat.completions.create(messages=each, **asked) for each in questions * 4]
    )
    texts = [completion.choices[0].message.content or "" for completion in found]
    return [texts[0::2], texts[1::2]]


def each_its_own(found: Sequence[Sequence[str]]) -> None:
    """Each question has its own answer, and the first one, which is sure, the same each time.

    Raises:
        Failed: an answer is empty, or another question's.
    """
    sure, other = found
    if len(set(sure)) > 1 or not all([*sure, *other]) or set(sure) & set(other):
        raise Failed(
            "Requests sent together get each other's answers, or none",
            expected=[sure[0], "another"],
            actual=found,
        )


def deltas(events: Iterable[Any]) -> str:
    """The text of a streamed response."""
    return "".join(e.delta for e in events if e.type == "response.output_text.delta")


def item_called(output: Iterable[Any], fields: set[str]) -> None:
    """An item is a call, and the client has read its arguments. Raises Failed."""
    found = [item for item in output if item.type == "function_call"]
    parsed = found[0].parsed_arguments if found else None
    given = parsed if isinstance(parsed, dict) else getattr(parsed, "__dict__", None)
    if given is None or set(given) != fields:
        raise Failed("The client has no call with arguments", expected=fields, actual=found)
