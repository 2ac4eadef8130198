"""Requests that are wrong in one way each, and what they would ask for otherwise: one token.

The tables hold only what vLLM refuses. What it accepts (an unknown role, a message without
content, a missing model) is not required of others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.api import expect
from conformance.api.ask import OMIT, Ask
from conformance.api.prompts import COUNT, GREETING
from conformance.compare.vocabulary import known_length
from conformance.outcomes import Failed
from conformance.targets.client import Response
from conformance.targets.server import ServerTarget

CHAT, COMPLETIONS = "/chat/completions", "/completions"

REFUSAL_TIMEOUT_S = 15.0
"""A refusal needs no model. Leaves room for answers to others that a slow machine works on."""


@dataclass(frozen=True)
class Invalid:
    """A one-token request with `changes` that make it wrong."""

    route: str
    changes: dict[str, Any]

    @property
    def what(self) -> str:
        """The fault, as it stands in the request."""
        return ", ".join(
            f"A missing `{name}`" if value is OMIT else f"`{name}: {json.dumps(value)}`"
            for name, value in self.changes.items()
        )

    def send(self, ask: Ask, **more: Any) -> Response:
        """Send the request, with a short deadline."""
        body: dict[str, Any] = {"model": ask.model, "max_tokens": 1, "temperature": 0}
        if self.route == CHAT:
            body["messages"] = [{"role": "user", "content": GREETING}]
        else:
            body["prompt"] = COUNT
        body = {**body, **self.changes, **more}
        body = {name: value for name, value in body.items() if value is not OMIT}
        return ask.client.post(self.route, body, timeout_s=REFUSAL_TIMEOUT_S)

    def is_refused(self, ask: Ask, *, cause: str) -> None:
        """Refused, and the next valid request answered: see `refused_and_over`."""
        refused_and_over(ask, self.send(ask), what=self.what, cause=cause)


BODIES = {
    "cut-short": b'{"messages": [{"role": "user", "content": "Hi"}',
    "empty": b"",
    "array": b"[]",
    "string": b'"Hi"',
    "null": b"null",
}

WRONG_TYPES = {
    "messages": Invalid(CHAT, {"messages": "Hi"}),
    "message": Invalid(CHAT, {"messages": ["Hi"]}),
    "content": Invalid(CHAT, {"messages": [{"role": "user", "content": 5}]}),
    "prompt": Invalid(COMPLETIONS, {"prompt": {"text": "Hi"}}),
    "temperature": Invalid(CHAT, {"temperature": "hot"}),
    "max-tokens": Invalid(CHAT, {"max_tokens": "many"}),
    "stop": Invalid(CHAT, {"stop": 5}),
    "n": Invalid(CHAT, {"n": "two"}),
    "stream": Invalid(CHAT, {"stream": "perhaps"}),
}

WRONG_TYPES_OF_RARER_FIELDS = {
    "top-p": Invalid(CHAT, {"top_p": "most"}),
    "seed": Invalid(CHAT, {"seed": "lucky"}),
    "presence-penalty": Invalid(CHAT, {"presence_penalty": "some"}),
    "logit-bias": Invalid(CHAT, {"logit_bias": [1]}),
    "logprobs": Invalid(CHAT, {"logprobs": "many"}),
    "tools": Invalid(CHAT, {"tools": "hammer"}),
}

MISSING = {
    "messages": Invalid(CHAT, {"messages": OMIT}),
    "prompt": Invalid(COMPLETIONS, {"prompt": OMIT}),
    "role": Invalid(CHAT, {"messages": [{"content": "Hi"}]}),
    "any-message": Invalid(CHAT, {"messages": []}),
}

OUT_OF_RANGE = {
    "temperature-negative": Invalid(CHAT, {"temperature": -1}),
    "top-p-two": Invalid(CHAT, {"top_p": 2}),
    "max-tokens-zero": Invalid(CHAT, {"max_tokens": 0}),
    "n-zero": Invalid(CHAT, {"n": 0}),
}

OUT_OF_RANGE_OF_RARER_FIELDS = {
    "top-p-zero": Invalid(CHAT, {"top_p": 0}),  # OpenAI takes it; vLLM does not
    "temperature-high": Invalid(CHAT, {"temperature": 2.5}),
    "presence-penalty": Invalid(CHAT, {"presence_penalty": 3}),
    "frequency-penalty": Invalid(CHAT, {"frequency_penalty": -3}),
    "top-logprobs": Invalid(CHAT, {"logprobs": True, "top_logprobs": 21}),
    "logprobs": Invalid(COMPLETIONS, {"logprobs": 21}),
    "logit-bias-key": Invalid(CHAT, {"logit_bias": {"hello": 1}}),
    "logit-bias-token": Invalid(CHAT, {"logit_bias": {"999999999": 1}}),
    "stream-options": Invalid(CHAT, {"stream_options": {"include_usage": True}}),
}

UNKNOWN_MODEL = {
    "chat": Invalid(CHAT, {"model": "no-such-model"}),
    "completions": Invalid(COMPLETIONS, {"model": "no-such-model"}),
}


def fields(table: Mapping[str, Invalid]) -> dict[str, str]:
    """What each case of a table has wrong, as a requirement's `refuses` takes it."""
    operations = {CHAT: "chat.completions.create", COMPLETIONS: "completions.create"}
    return {
        case: f"{operations[wrong.route]}: {', '.join(wrong.changes)}"
        for case, wrong in table.items()
    }


def still_answers(ask: Ask) -> None:
    """A valid one-token request is answered. Raises Failed."""
    response = ask.chat(GREETING, max_tokens=1)
    if response.status != 200:
        raise Failed(
            "After an invalid request the server refuses a valid one",
            expected="200",
            actual=f"{response.status} {response.exchange.response[:200]}",
        )


def refused_and_over(ask: Ask, response: Response, *, what: str, cause: str) -> None:
    """An invalid request is refused with 400 or 422, and the next valid one is answered."""
    expect.refused(response, what=what, cause=cause)
    still_answers(ask)


def context_length(target: ServerTarget) -> int:
    """How many tokens prompt and answer may have together.

    Raises:
        Inconclusive: the server's list of models does not say.
    """
    return known_length(target.max_model_len)


def too_long(tokens: int) -> list[dict[str, str]]:
    """A chat of more than `tokens` tokens: each " a" is one or more in any vocabulary."""
    return [{"role": "user", "content": " a" * (tokens + 1)}]
