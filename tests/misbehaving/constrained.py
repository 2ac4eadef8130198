"""What the canned server says under a constraint, and which of its tools it calls: the first value
that a schema allows."""

from __future__ import annotations

import itertools
import json
from typing import Any

_calls = itertools.count(1)

ANY_OBJECT = '{"canned": true}'


def instance(schema: dict[str, Any]) -> Any:
    """A value that a schema of those parts allows which the suite's own plain schemas have."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: instance(each) for name, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [instance(schema["items"])] * schema.get("minItems", 0)
    return {"integer": schema.get("minimum", 0), "boolean": True, "string": "word"}[kind]


def wrong(body: dict[str, Any]) -> tuple[str, str] | None:
    """The parameter that is wrong, or that the canned server does not serve, and why."""
    form, kind = body.get("response_format"), body.get("structured_outputs")
    types, kinds = ("text", "json_object", "json_schema"), (["choice"], ["json"])
    if form is not None and (not isinstance(form, dict) or form.get("type") not in types):
        return "response_format", "must be an object of a known type"
    if kind is not None and (not isinstance(kind, dict) or list(kind) not in kinds):
        return "structured_outputs", "must be either choice or json"
    tools, choice = body.get("tools"), body.get("tool_choice")
    if tools is not None and (not isinstance(tools, list) or not all(map(_is_tool, tools))):
        return "tools", "must be a list of functions"
    if choice not in (None, "none") and not tools:
        return "tool_choice", "needs tools"
    if choice not in (None, "none", "auto", "required") and not _chosen(body):
        return "tool_choice", "is of no tool"
    return None


def text(body: dict[str, Any]) -> str | None:
    """The whole answer in words; None where the request leaves the model free."""
    form, kind = body.get("response_format") or {}, body.get("structured_outputs") or {}
    if form.get("type") == "json_object":
        return ANY_OBJECT
    if "choice" in kind:
        return str(kind["choice"][0])
    schema = (form.get("json_schema") or {}).get("schema") or kind.get("json")
    return json.dumps(instance(schema)) if schema else None


def calls(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The calls that the request forces: one, or none."""
    if not (tool := _chosen(body)):
        return []
    function = tool["function"]
    arguments = json.dumps(instance(function.get("parameters", {})))
    called = {"name": function["name"], "arguments": arguments}
    return [{"id": f"call_{next(_calls)}", "type": "function", "function": called}]


def deltas(called: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The calls as a stream's deltas: first the name, then the arguments in two pieces."""
    found = []
    for index, call in enumerate(called):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        found.append({**call, "index": index, "function": {"name": name, "arguments": ""}})
        for piece in (arguments[:9], arguments[9:]):
            found.append({"index": index, "function": {"arguments": piece}})
    return [{"tool_calls": [each]} for each in found]


def _is_tool(tool: Any) -> bool:
    function = tool.get("function") if isinstance(tool, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def _chosen(body: dict[str, Any]) -> dict[str, Any] | None:
    """The tool that the request forces."""
    choice = body.get("tool_choice")
    tools = {tool["function"]["name"]: tool for tool in body.get("tools") or []}
    if choice == "required":
        return next(iter(tools.values()), None)
    function = choice.get("function") if isinstance(choice, dict) else None
    return tools.get(function.get("name")) if isinstance(function, dict) else None
