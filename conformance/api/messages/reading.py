"""What a message in Anthropic's form says: its typed body, and the turn that its blocks make."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from openai.types import CompletionUsage
from pydantic import BaseModel, Field

from conformance.api import expect
from conformance.api.tools.turns import THINK, Call, Turn
from conformance.outcomes import Absent, Failed, Silent, Unsupported
from conformance.targets.client import Response

REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
}
"""Chat's word for each `stop_reason`."""

SHAPE = '{"type": "error", "error": {"type": str, "message": str}}'


class Text(BaseModel):
    type: Literal["text"]
    text: str


class Thinking(BaseModel):
    type: Literal["thinking"]
    thinking: str
    signature: str


class ToolUse(BaseModel):
    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any]


Block = Annotated[Text | Thinking | ToolUse, Field(discriminator="type")]


class Usage(BaseModel):
    """Tokens of a message. What was cached stands beside `input_tokens` and not in it."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None

    @property
    def prompt(self) -> int:
        """All tokens of the prompt, as `count_tokens` counts them."""
        cached = (self.cache_creation_input_tokens, self.cache_read_input_tokens)
        return self.input_tokens + sum(count or 0 for count in cached)


class Body(BaseModel):
    """A message as Anthropic defines it; vLLM leaves `stop_sequence` out where it is null."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    content: list[Block]
    model: str
    stop_reason: Literal["end_turn", "stop_sequence", "max_tokens", "tool_use"]
    stop_sequence: str | None = None
    usage: Usage


class _Count(BaseModel):
    input_tokens: int


@dataclass(frozen=True)
class Said:
    """A message that is over: its body, and what the model did, in chat's words."""

    body: Body
    turn: Turn

    @property
    def text(self) -> str:
        """The text of all blocks."""
        return self.turn.content

    @property
    def reason(self) -> str:
        """Why it ended, in chat's words."""
        return self.turn.finish_reason


def said(response: Response) -> Said:
    """A message that is over.

    Raises:
        Unsupported: the request is refused honestly.
        Failed: the answer is not of Anthropic's type.
    """
    ok(response)
    return whole(expect.typed_json(response.body, Body))


def whole(body: Body) -> Said:
    """What a message says."""
    usage = CompletionUsage(
        prompt_tokens=body.usage.prompt,
        completion_tokens=body.usage.output_tokens,
        total_tokens=body.usage.prompt + body.usage.output_tokens,
    )
    return Said(body, turn(body.content, REASONS[body.stop_reason], usage))


def turn(content: Sequence[Block], reason: str, usage: CompletionUsage | None = None) -> Turn:
    """What blocks say together."""
    text, thoughts, calls = [], [], []
    for block in content:
        if isinstance(block, Text):
            text.append(block.text)
        elif isinstance(block, Thinking):
            thoughts.append(block.thinking)
        else:
            given = json.dumps(block.input, ensure_ascii=False)
            calls.append(Call(block.id, block.name, given))
    return Turn("".join(text), "".join(thoughts).removeprefix(THINK), calls, reason, usage)


def counted(response: Response) -> int:
    """The answer of `count_tokens`. Raises as `ok`, and Failed."""
    ok(response)
    return expect.typed_json(response.body, _Count).input_tokens


def ok(response: Response) -> dict[str, Any]:
    """The JSON object of a 200.

    Raises:
        Unsupported: an honest refusal, with an error of Anthropic's or of OpenAI's form.
        Failed: any other answer.
    """
    if response.status == 200:
        return expect.json_object(response)
    if response.status in expect.REFUSALS:
        raise Unsupported(
            f"Refused with status {response.status}: {error(response)}",
            expected="200",
            actual=str(response.status),
            cause="POST /v1/messages refuses the request",
        )
    raise Failed(
        f"Answered {response.status} to a valid request",
        expected="200",
        actual=f"{response.status} {response.exchange.response[:200]}",
    )


def offered(response: Response, *, what: str) -> Response:
    """The response to a request for a feature that hangs on how a server is set up.

    Raises:
        Absent: the feature is refused honestly.
        Failed: as `ok`.
    """
    try:
        if response.status != 200:
            ok(response)
    except Unsupported as refusal:
        raise Absent(
            f"{what} is not served: {refusal.message}",
            expected=refusal.expected,
            actual=refusal.actual,
            cause=f"{what} is not served",
        ) from None
    return response


def refused(response: Response, *, what: str, statuses: Collection[int] = expect.INVALID) -> None:
    """A refusal with one of `statuses` and an error.

    Raises:
        Silent: the request is answered.
        Failed: another status, or no error.
    """
    wanted = " or ".join(str(status) for status in sorted(statuses))
    if response.status == 200:
        raise Silent(
            f"{what} is accepted",
            expected=wanted,
            actual=response.exchange.response[:200],
            cause="Wrong messages are answered",
        )
    if response.status not in statuses:
        raise Failed(
            f"{what} is refused with the wrong status", expected=wanted, actual=str(response.status)
        )
    error(response)


def error(response: Response) -> str:
    """What a refusal says.

    vLLM says in OpenAI's form what is wrong with a request's fields, and all else in Anthropic's.

    Raises:
        Failed: it is of neither form.
    """
    body = response.json()
    found = body.get("error") if isinstance(body, dict) else None
    if not isinstance(found, dict) or not (
        isinstance(found.get("type"), str) and isinstance(found.get("message"), str)
    ):
        raise Failed("The error body is no error", expected=SHAPE, actual=body)
    message: str = found["message"]
    return message


def anthropic_error(response: Response) -> None:
    """The refusal is of Anthropic's form. Raises Failed."""
    error(response)
    body = expect.json_object(response)
    if body.get("type") != "error":
        raise Failed(
            "A refusal is not of Anthropic's form",
            expected=SHAPE,
            actual=body,
            cause="Error bodies of messages are not Anthropic's",
        )


def sees(said: Said, without: Said) -> None:
    """The prompt is longer with an image. Raises Silent where it is not."""
    if said.body.usage.prompt <= without.body.usage.prompt:
        raise Silent(
            "An image is accepted and does not reach the model",
            expected=f"more than {without.body.usage.prompt} tokens",
            actual=said.body.usage.prompt,
        )
