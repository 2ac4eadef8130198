"""One conversation asked in two ways: as chat, and as the completion of its rendered prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from conformance.api import expect
from conformance.api.ask import Ask, Stream
from conformance.compare import vocabulary
from conformance.compare.tokens import Tokenizer
from conformance.outcomes import Failed
from conformance.targets.client import Response

Messages = list[dict[str, Any]]

OPERATIONS = {"chat": "chat.completions.create", "completions": "completions.create"}

both_ways = pytest.mark.parametrize("way", OPERATIONS)
"""Each as a requirement of its own."""


def on_both(*fields: str) -> dict[str, str]:
    """By way, the fields of its operation, as a requirement's `honours` takes them."""
    return {way: f"{name}: {', '.join(fields)}" for way, name in OPERATIONS.items()}


@dataclass(frozen=True)
class Said:
    """One choice of an answer, whatever production adds to OpenAI's form.

    Attributes:
        choice, body: as the JSON has them.
    """

    text: str
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    choice: dict[str, Any]
    body: dict[str, Any]

    def given(self, name: str) -> Any:
        """A field that production adds to the choice or, for chat's prompt, to the answer."""
        return self.choice.get(name, self.body.get(name))


@dataclass(frozen=True)
class Ways:
    """Conversations asked in either way, with the same tokens as prompt."""

    ask: Ask
    tokenizer: Tokenizer

    def send(self, way: str, messages: Messages, **parameters: Any) -> Response:
        """The request, greedy unless the parameters say otherwise."""
        if way == "chat":
            return self.ask.chat(messages, **parameters)
        return self.ask.complete(self._prompt(messages), **parameters)

    def stream(self, way: str, messages: Messages, **parameters: Any) -> Stream:
        """As `send`, streamed."""
        if way == "chat":
            return self.ask.chat_stream(messages, **parameters)
        return self.ask.complete_stream(self._prompt(messages), **parameters)

    def say(self, way: str, messages: Messages, **parameters: Any) -> Said:
        """The answer's first choice. Raises as `said`."""
        return said(self.send(way, messages, **parameters))

    def prompt(self, messages: Messages) -> list[int]:
        """The rendered prompt's tokens."""
        return vocabulary.chat_prompt(self.tokenizer, messages)

    def _prompt(self, messages: Messages) -> str | list[int]:
        """The rendered prompt as text, or as tokens where its text would begin with a special one
        twice."""
        ids, text = self.prompt(messages), self.tokenizer.render(messages)
        return text if self.tokenizer.encode(text) == ids else ids


def said(response: Response) -> Said:
    """The first choice of an answer in either form.

    Raises:
        Unsupported, Failed: as `expect.ok`; Failed also without a choice, text or usage.
    """
    body = expect.ok(response)
    try:
        choice, usage = body["choices"][0], body["usage"]
        text = choice["message"]["content"] if "message" in choice else choice["text"]
        counts = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
        return Said(text or "", choice["finish_reason"], *counts, choice, body)
    except (KeyError, IndexError, TypeError):
        raise Failed(
            "The answer lacks a choice with a text, or its usage",
            expected="choices[0] with its text, and usage",
            actual=body,
        ) from None
