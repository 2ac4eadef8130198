"""vLLM's `/v1/chat/completions/batch`: several conversations in one request, one choice each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conformance.api import expect, optional
from conformance.api.ask import Ask
from conformance.api.extensions.ways import Said
from conformance.outcomes import Failed
from conformance.targets.client import Response

BATCH = "/chat/completions/batch"

Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Answers:
    """Answers to several conversations, in their order.

    Attributes:
        choices: each as the JSON has it, without its index.
        usage: prompt and completion tokens of all.
    """

    choices: list[dict[str, Any]]
    usage: tuple[int, int]
    body: dict[str, Any]

    def first(self) -> Said:
        """The first conversation's answer."""
        choice = self.choices[0]
        text = (choice.get("message") or {}).get("content") or ""
        return Said(text, choice.get("finish_reason"), *self.usage, choice, self.body)


@dataclass(frozen=True)
class Batches:
    """The same conversations, in one request and in one each."""

    ask: Ask

    def together(self, conversations: list[Messages], **parameters: Any) -> Answers:
        """One request. Raises as `expect.ok`, and Failed as `_read`."""
        body = self.ask.chat_body([], **parameters)
        body["messages"] = conversations
        response = self.ask.client.post(BATCH, body)
        expect.ok(optional.served(response, what=BATCH))
        found = _read(response)
        if found.body["choices"] and len(found.choices) != len(conversations):
            raise Failed(
                "A batch has not one choice a conversation",
                expected=len(conversations),
                actual=len(found.choices),
            )
        return found

    def apart(self, conversations: list[Messages], **parameters: Any) -> Answers:
        """One request each. Raises as `together`."""
        found = [_read(self.ask.chat(each, **parameters)) for each in conversations]
        usage = sum(each.usage[0] for each in found), sum(each.usage[1] for each in found)
        return Answers([choice for each in found for choice in each.choices], usage, found[0].body)


def _read(response: Response) -> Answers:
    body = expect.ok(response)
    try:
        ordered = sorted(body["choices"], key=lambda choice: int(choice["index"]))
        choices = [
            {name: value for name, value in choice.items() if name != "index"} for choice in ordered
        ]
        usage = body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]
    except (KeyError, TypeError, ValueError):
        raise Failed(
            "The answer lacks choices with an index, or its usage",
            expected="choices and usage",
            actual=body,
        ) from None
    return Answers(choices, usage, body)
