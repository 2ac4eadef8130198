"""Tools and choices that are wrong in one way each, all of which vLLM refuses."""

from __future__ import annotations

from typing import Any

from conformance.api.invalid import CHAT, Invalid
from conformance.api.tools.errands import LIGHT, named


def _tools(*tools: Any) -> Invalid:
    return Invalid(CHAT, {"tools": list(tools), "tool_choice": "none"})


def _function(**function: Any) -> Invalid:
    return _tools({"type": "function", "function": function})


TOOLS = {
    "empty": _tools(),
    "no-list": Invalid(CHAT, {"tools": LIGHT, "tool_choice": "none"}),
    "other-type": _tools({**LIGHT, "type": "hammer"}),
    "no-function": _tools({"type": "function"}),
    "no-name": _function(description="Nameless."),
    "name-is-a-number": _function(name=5),
    "parameters-are-text": _function(name="report", parameters="none"),
    "strict-is-text": _function(name="report", strict="perhaps"),
}
"""Tools that are none; nothing is to be called, so that no model's parser matters."""


def _choice(choice: Any, **more: Any) -> Invalid:
    return Invalid(CHAT, {"tools": [LIGHT], "tool_choice": choice, **more})


CHOICES = {
    "unknown-function": _choice(named("nowhere")),
    "unknown-word": _choice("sometimes"),
    "number": _choice(5),
    "no-function": _choice({"type": "function"}),
    "no-name": _choice({"type": "function", "function": {}}),
    "other-type": _choice({**named(LIGHT["function"]["name"]), "type": "hammer"}),
}

WITHOUT_TOOLS = {
    "auto": Invalid(CHAT, {"tool_choice": "auto"}),
    "required": Invalid(CHAT, {"tool_choice": "required"}),
    "named": Invalid(CHAT, {"tool_choice": named("report")}),
}

HISTORY = {
    "calls-are-text": Invalid(
        CHAT, {"messages": [{"role": "assistant", "content": None, "tool_calls": "report"}]}
    ),
    "call-without-function": Invalid(
        CHAT,
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "call_0"}]}]},
    ),
}
