"""What a response says: its typed body, and the turn that its output items make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionTokenLogprob
from openai.types.responses import Response as Defined
from openai.types.responses import ResponseOutputItem, ResponseOutputText
from openai.types.responses.response_usage import OutputTokensDetails
from pydantic import BaseModel

from conformance.api import expect
from conformance.api.tools.turns import THINK, Call, Turn
from conformance.outcomes import Failed, Silent
from conformance.targets.client import Response

LOGPROBS = "message.output_text.logprobs"
"""What to `include` for the probabilities of the answer's tokens."""


class InputTokensDetails(BaseModel):
    """As the client's; vLLM 0.27 lacks `cache_write_tokens`, which is newer than it."""

    cached_tokens: int
    cache_write_tokens: int | None = None


class Usage(BaseModel):
    """Tokens of a response."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int


class Body(Defined):
    """A response as the client defines it, but for what `InputTokensDetails` says."""

    usage: Usage | None = None  # type: ignore[assignment]  # wider than the client's


@dataclass(frozen=True)
class Said:
    """A response that is over: its body, and what the model did.

    The finish reason of the turn is chat's word for the response's status.
    """

    body: Body
    turn: Turn

    @property
    def text(self) -> str:
        """The text of all messages."""
        return self.turn.content

    @property
    def reason(self) -> str:
        """Why it ended, in chat's words."""
        return self.turn.finish_reason

    @property
    def usage(self) -> Usage:
        """Raises Failed where the response has none."""
        if self.body.usage is None:
            raise Failed("The response carries no usage", expected="usage", actual="null")
        return self.body.usage


def said(response: Response) -> Said:
    """A response that is over.

    Raises:
        Unsupported: the request is refused honestly.
        Failed: the answer is not of the client's type, or its status says that it is not over.
    """
    expect.ok(response)
    return over(expect.typed_json(response.body, Body))


def over(body: Body) -> Said:
    """What a response says that is over. Raises Failed where it is not."""
    if body.status not in ("completed", "incomplete"):
        raise Failed(
            "A response is not over", expected="completed or incomplete", actual=body.status
        )
    return Said(body, turn(body.output, _reason(body), _counts(body.usage)))


def turn(
    output: Sequence[ResponseOutputItem], reason: str, usage: CompletionUsage | None = None
) -> Turn:
    """What output items say together.

    Args:
        reason: why the turn ended; "stop" becomes "tool_calls" where something is called.
    """
    content, reasoning, calls = [], [], []
    for item in output:
        if item.type == "message":
            content += [part.text for part in item.content if part.type == "output_text"]
        elif item.type == "reasoning":
            reasoning += [part.text for part in item.content or []]
        elif item.type == "function_call":
            calls.append(Call(item.call_id, item.name, item.arguments))
        else:
            raise Failed(
                "An output item is of a type that nobody asked for",
                expected="message, reasoning or function_call",
                actual=item.type,
            )
    ended = "tool_calls" if calls and reason == "stop" else reason
    thoughts = "".join(reasoning).removeprefix(THINK)
    return Turn("".join(content), thoughts, calls, ended, usage)


def texts(output: Sequence[ResponseOutputItem]) -> list[ResponseOutputText]:
    """The parts of the messages that are text."""
    return [
        part
        for item in output
        if item.type == "message"
        for part in item.content
        if part.type == "output_text"
    ]


def scored(said: Said) -> list[ChatCompletionTokenLogprob]:
    """The answer's tokens with their probabilities, in chat's form.

    Raises:
        Silent: there are none.
    """
    found = [entry for part in texts(said.body.output) for entry in part.logprobs or []]
    if not found:
        raise Silent(
            f"`include` {LOGPROBS} is accepted and ignored",
            expected="output[].content[].logprobs",
            actual="none",
        )
    return [ChatCompletionTokenLogprob.model_validate(entry.model_dump()) for entry in found]


def _reason(body: Body) -> str:
    details = body.incomplete_details
    if body.status == "completed":
        if details is not None:
            raise Failed("A completed response has `incomplete_details`", actual=details)
        return "stop"
    reason = details.reason if details else None
    if reason is None:
        raise Failed(
            "An incomplete response does not say why",
            expected="incomplete_details.reason",
            actual=details,
        )
    return {"max_output_tokens": "length"}.get(reason, reason)


def _counts(usage: Usage | None) -> CompletionUsage | None:
    if usage is None:
        return None
    return CompletionUsage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
    )
