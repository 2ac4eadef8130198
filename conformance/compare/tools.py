"""Tool calls, compared with the function that was offered."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from openai.types.chat.chat_completion_message_function_tool_call import Function

from conformance.outcomes import Failed, Inconclusive, Silent


def name(tool: dict[str, Any]) -> str:
    """The name of a tool's function."""
    found: str = tool["function"]["name"]
    return found


def called(answer: tuple[list[Function], str], tool: dict[str, Any]) -> None:
    """The answer is one call of `tool`, its arguments JSON for its schema.

    The finish reason is `stop` for a function that the request names (OpenAI, vLLM) or, as many
    servers say for any call, `tool_calls`.

    Raises:
        Silent: there is no call.
        Failed: another function, arguments that do not fit, another finish reason.
        Inconclusive: the call was cut by `max_tokens`.
    """
    functions, finish_reason = answer
    if not functions:
        raise Silent(
            "A named `tool_choice` is accepted and ignored", expected="a call", actual="no call"
        )
    if len(functions) > 1 or functions[0].name != name(tool):
        raise Failed(
            "Another function than the named one is called",
            expected=[name(tool)],
            actual=[function.name for function in functions],
        )
    if finish_reason == "length":
        raise Inconclusive(
            "The call was cut at its length: a model that keeps its arguments short would decide",
            cause="The model's own answer does not allow the check",
        )
    arguments = functions[0].arguments
    try:
        jsonschema.validate(json.loads(arguments), tool["function"]["parameters"])
    except (ValueError, RecursionError, jsonschema.ValidationError) as error:
        raise Failed(
            "A tool call's arguments are not JSON for its schema",
            expected=tool["function"]["parameters"],
            actual=f"{arguments[:200]!r}: {str(error)[:200]}",
        ) from None
    if finish_reason not in ("stop", "tool_calls"):
        raise Failed(
            "A tool call gives another finish reason",
            expected="stop or tool_calls",
            actual=finish_reason,
        )
