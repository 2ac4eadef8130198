"""Answers read from responses: what requirements look at most, without an untyped index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionTokenLogprob
from openai.types.chat.chat_completion_message_function_tool_call import Function
from pydantic import BaseModel

from conformance.api import expect
from conformance.api.ask import Ask, Messages
from conformance.compare.logprobs import LegacyLogprobs, Step, chat_style, steps
from conformance.outcomes import Failed, Silent
from conformance.targets.client import Response


@dataclass(frozen=True)
class Answer:
    """One choice of a response, and the response's usage.

    `texts` and `indices` are those of all choices, in the order in which they came.
    """

    text: str
    finish_reason: str
    texts: list[str]
    indices: list[int]
    finish_reasons: list[str]
    reported: CompletionUsage | None

    @property
    def usage(self) -> CompletionUsage:
        """The response's usage.

        Raises:
            Failed: the response has none.
        """
        if self.reported is None:
            raise Failed("The answer carries no usage", expected="usage", actual="null")
        return self.reported

    @property
    def by_index(self) -> list[str]:
        """The texts of all choices, by the index that each carries."""
        return [text for _, text in sorted(zip(self.indices, self.texts, strict=True))]


class _ScoredChoice(BaseModel):
    text: str
    logprobs: LegacyLogprobs


class _ScoredCompletion(BaseModel):
    """A legacy completion with logprobs. The client's own type has no null for the first
    position of an echoed prompt, which nothing comes before."""

    choices: list[_ScoredChoice]
    usage: CompletionUsage | None = None


def chat(response: Response) -> Answer:
    """A chat completion's answer. Raises as `expect.chat`, and Failed without content."""
    completion = expect.chat(response)
    contents = [choice.message.content for choice in completion.choices]
    texts = [content for content in contents if content is not None]
    if not texts or len(texts) < len(contents):
        raise Failed(
            "A chat completion carries no content",
            expected="at least one choice, each with text",
            actual=contents,
        )
    return Answer(
        text=texts[0],
        finish_reason=completion.choices[0].finish_reason,
        texts=texts,
        indices=[choice.index for choice in completion.choices],
        finish_reasons=[choice.finish_reason for choice in completion.choices],
        reported=completion.usage,
    )


def completion(response: Response) -> Answer:
    """A legacy completion's answer. Raises as `expect.completion`, and Failed without a choice."""
    completion = expect.completion(response)
    if not completion.choices:
        raise Failed("A completion carries no choice", expected="one choice", actual="[]")
    return Answer(
        text=completion.choices[0].text,
        finish_reason=completion.choices[0].finish_reason,
        texts=[choice.text for choice in completion.choices],
        indices=[choice.index for choice in completion.choices],
        finish_reasons=[choice.finish_reason for choice in completion.choices],
        reported=completion.usage,
    )


def chat_logprobs(response: Response) -> list[ChatCompletionTokenLogprob]:
    """The scored tokens of a chat completion that was asked for them.

    Raises:
        Silent: the answer has none.
    """
    choices = expect.chat(response).choices
    logprobs = choices[0].logprobs if choices else None
    if logprobs is None or not logprobs.content:
        raise Silent(
            "`logprobs` is accepted and ignored",
            expected="choices[0].logprobs.content",
            actual=logprobs,
        )
    return logprobs.content


def completion_logprobs(response: Response) -> tuple[str, LegacyLogprobs]:
    """Text and scored tokens of a legacy completion that was asked for `logprobs`.

    Raises:
        Silent: the answer has none.
        Failed: they are the chat endpoint's, or their lists differ in length.
    """
    answer = expect.completion(response)
    found = answer.choices[0].logprobs if answer.choices else None
    return _legacy(response, None if found is None else found.model_dump())


def echoed_logprobs(response: Response) -> tuple[str, LegacyLogprobs]:
    """As `completion_logprobs`, for an answer that begins with the prompt."""
    body = expect.ok(response)
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    found = first.get("logprobs") if isinstance(first, dict) else None
    return _legacy(response, found)


def echoed_usage(response: Response) -> CompletionUsage:
    """The usage of an answer with `echo` and `logprobs`. Raises Failed without one."""
    expect.ok(response)
    usage = expect.typed_json(response.body, _ScoredCompletion).usage
    if usage is None:
        raise Failed("The answer carries no usage", expected="usage", actual="null")
    return usage


def chat_steps(response: Response) -> list[Step] | None:
    """Each generated token with its alternatives, or None where a target gives none."""
    choices = expect.chat(response).choices
    logprobs = choices[0].logprobs if choices else None
    if logprobs is None or not logprobs.content:
        return None
    return steps(logprobs.content)


def without_logprobs(response: Response) -> None:
    """A chat completion without logprobs. Raises as `chat`, and Failed with them."""
    chat(response)
    _none_given([choice.logprobs for choice in expect.chat(response).choices])


def completion_without_logprobs(response: Response) -> None:
    """A legacy completion without logprobs. Raises as `completion`, and Failed with them."""
    completion(response)
    _none_given([choice.logprobs for choice in expect.completion(response).choices])


def _none_given(logprobs: Sequence[BaseModel | None]) -> None:
    for given in logprobs:
        if given is not None:
            raise Failed(
                "Logprobs are given that nobody asked for",
                expected="null",
                actual=given.model_dump(),
            )


def tool_calls(response: Response) -> tuple[list[Function], str]:
    """The functions that a chat completion calls, and its finish reason. Raises as `expect.chat`,
    and Failed without a choice."""
    choices = expect.chat(response).choices
    if not choices:
        raise Failed("A chat completion carries no choice", expected="one choice", actual="[]")
    calls = choices[0].message.tool_calls or []
    functions = [call.function for call in calls if call.type == "function"]
    return functions, choices[0].finish_reason


def chat_joined(ask: Ask, questions: Sequence[Messages], **parameters: Any) -> str:
    """The answers to some questions, one to a line, one request each."""
    return "\n".join(chat(ask.chat(question, **parameters)).text for question in questions)


def chat_samples(
    ask: Ask, questions: Sequence[Messages], seeds: list[int], **parameters: Any
) -> list[str]:
    """The joined answers to some questions with each of several seeds."""
    return [chat_joined(ask, questions, seed=seed, **parameters) for seed in seeds]


def completion_samples(
    ask: Ask, prompts: Sequence[str], seeds: list[int], **parameters: Any
) -> list[str]:
    """The continuations of some prompts with each of several seeds, one request each."""
    return [
        "\n".join(
            completion(ask.complete(prompt, seed=seed, **parameters)).text for prompt in prompts
        )
        for seed in seeds
    ]


def _legacy(response: Response, found: object) -> tuple[str, LegacyLogprobs]:
    if found is None:
        raise Silent(
            "`logprobs` is accepted and ignored",
            expected="choices[0].logprobs",
            actual="null",
        )
    chat_style(found)
    scored = expect.typed_json(response.body, _ScoredCompletion)
    if not scored.choices:
        raise Failed("A completion carries no choice", expected="one choice", actual="[]")
    return scored.choices[0].text, scored.choices[0].logprobs.checked()
