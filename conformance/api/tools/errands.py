"""Conversations about tools, and what is known of the answer.

The scripted model knows its answers by heart. Any other model decides for itself whether it calls,
and requirements then judge the calls that it makes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conformance.api.prompts import Messages
from conformance.api.structured.asking import LOOPING, MODEST
from conformance.api.structured.schemas import object_of
from conformance.compare.constraints import Schema
from fixtures.models.scripted import description

TOKENS = 200
"""Of an answer, at most."""

Tool = dict[str, Any]

MARKUP = "<tool_call>"
"""With which the scripted model's calls begin, and those of the many models that write Hermes'
format."""

_ENTRIES = {entry["name"]: entry for entry in description()["scripts"] if "messages" in entry}

TOOLS: Sequence[Tool] = _ENTRIES["tool_weather"]["tools"]
"""The weather in a city, the time there, and a note: the scripted model knows these."""


@dataclass(frozen=True)
class Known:
    """A turn that the model knows by heart: what production makes of its text."""

    content: str | None
    reasoning: str | None
    calls: list[tuple[str, dict[str, Any]]]
    prompt_tokens: int


@dataclass(frozen=True)
class Errand:
    """A conversation with tools.

    Attributes:
        known: the answer, or None where the model decides.
        parameters: of the request, beside the messages.
    """

    messages: Messages
    parameters: dict[str, Any]
    known: Known | None

    def but(self, **parameters: Any) -> Errand:
        """The same with other parameters, under which the answer is another."""
        return Errand(self.messages, {**self.parameters, **parameters}, None)


def errand(name: str, scripted: bool) -> Errand:
    """One of the scripted model's conversations; without its answer for another model."""
    entry = _ENTRIES[name]
    parameters: dict[str, Any] = {"max_tokens": TOKENS}
    if tools := entry.get("tools"):
        parameters["tools"] = tools
    if thinking := entry.get("chat_template_kwargs"):
        parameters["chat_template_kwargs"] = thinking
    known = Known(
        content=entry["content"],
        reasoning=entry.get("reasoning"),
        calls=[(call["name"], call["arguments"]) for call in entry.get("tool_calls", [])],
        prompt_tokens=len(entry["prompt_token_ids"]),
    )
    return Errand(entry["messages"], parameters, known if scripted else None)


def result(content: Any, *, call: tuple[str, dict[str, Any]]) -> Messages:
    """A call of a tool and its result, as a client sends them back."""
    name, arguments = call
    function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_0", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "call_0", "content": content},
    ]


def tool(name: str, parameters: Schema | None, **more: Any) -> Tool:
    """A function to offer."""
    function = {"name": name, "description": "Does what it says.", **more}
    return {
        "type": "function",
        "function": function if parameters is None else {**function, "parameters": parameters},
    }


LIGHT = tool(
    "switch_light",
    object_of(state={"enum": ["on", "off"]}, level={"type": "integer", "minimum": 0, "maximum": 9}),
    strict=True,
)
"""A function whose call is short, for calls that a request forces."""


def switched(asked: Errand, offered: Tool = LIGHT) -> Errand:
    """The same conversation with one tool alone, of which the model knows nothing."""
    return asked.but(tools=[offered], **(LOOPING if asked.known else MODEST))


def named(name: str) -> dict[str, Any]:
    """The `tool_choice` of one function."""
    return {"type": "function", "function": {"name": name}}
