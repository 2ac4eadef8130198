"""The operations whose requests are made wrong: a right request of each, and what its answer says.

Every field that production has is made wrong in every way that its types allow; a field that means
nothing without another comes with that one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from conformance.api.prompts import COUNT, SWITCH, Prompts
from conformance.api.wrong.values import wrong
from conformance.coverage.subjects import Subject, subjects

Body = dict[str, Any]

_TOOLS: Body = {"tools": [SWITCH]}

WITH: Mapping[str, Body] = {
    "stream_options": {"stream": True},
    "stream_interval": {"stream": True},
    "top_logprobs": {"logprobs": True},
    "tool_choice": _TOOLS,
    "parallel_tool_calls": _TOOLS,
    "min_tokens": {"max_tokens": 2},
}
"""What a field comes with, so that it is its own value which is wrong."""


@dataclass(frozen=True)
class Operation:
    """An operation: the fields of a right request besides the model, and its answer's substance.

    `said` is what two answers to the right request agree in.
    """

    name: str
    fields: Callable[[Prompts], Body]
    said: Callable[[Body], object] = sorted

    @property
    def subject(self) -> Subject:
        """As the coverage table has it."""
        return subjects()[self.name]


@dataclass(frozen=True)
class Case:
    """One field of one operation that is wrong in one of `values.KINDS`, by several classes."""

    operation: str
    field: str
    kind: str
    classes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.operation}:{self.field}:{self.kind}"

    @property
    def is_common(self) -> bool:
        """Whether it is of a field that most requests have."""
        return self.field in COMMON.get(self.operation, ())


def _chat(prompts: Prompts) -> Body:
    return {"messages": prompts.words, "max_tokens": 1, "temperature": 0}


def _first_choice(answer: Body) -> object:
    choice = answer["choices"][0]
    return choice["message"]["content"] if "message" in choice else choice["text"]


OPERATIONS = {
    each.name: each
    for each in (
        Operation("chat.completions.create", _chat, _first_choice),
        Operation(
            "completions.create",
            lambda prompts: {"prompt": COUNT, "max_tokens": 1, "temperature": 0},
            _first_choice,
        ),
        Operation(
            "responses.create",
            lambda prompts: {
                "input": "Hi",
                "max_output_tokens": 1,
                "temperature": 0,
                "store": False,
            },
        ),
        Operation("/v1/messages", lambda prompts: {"messages": _user("Hi"), "max_tokens": 1}),
        Operation("/v1/messages/count_tokens", lambda prompts: {"messages": _user("Hi")}),
        Operation(
            "/v1/chat/completions/batch",
            lambda prompts: {**_chat(prompts), "messages": [prompts.words]},
        ),
        Operation("/tokenize", lambda prompts: {"prompt": "Hi"}),
        Operation("/detokenize", lambda prompts: {"tokens": [1, 2]}),
        Operation("embeddings.create", lambda prompts: {"input": "Hi"}),
        Operation("/pooling", lambda prompts: {"input": "Hi"}),
        Operation("/classify", lambda prompts: {"input": "Hi"}),
        Operation("/score", lambda prompts: {"queries": "Hi", "documents": ["Hello"]}),
        Operation("/rerank", lambda prompts: {"query": "Hi", "documents": ["Hello", "No"]}),
        Operation("/v2/embed", lambda prompts: {"texts": ["Hi"]}),
    )
}
"""The operations that take JSON."""


def _user(text: str) -> list[Body]:
    return [{"role": "user", "content": text}]


COMMON = {
    "chat.completions.create": {
        "messages", "model", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop",
        "n", "stream",
    },
    "completions.create": {"prompt", "model", "temperature", "top_p", "max_tokens", "stop", "n",
        "stream"},
}  # fmt: skip
"""The fields that most requests have, of the operations that every server has."""

EVERYWHERE = frozenset(COMMON)


@cache
def cases() -> tuple[Case, ...]:
    """Every field of every operation, and each kind of wrongness that it has."""
    return tuple(
        Case(operation.name, each.name, kind, classes)
        for operation in OPERATIONS.values()
        for each in operation.subject.parameters
        if each.in_production
        for kind, classes in wrong(each.kinds, required=each.required).items()
    )
