"""Anthropic-style messages in memory: what a request says to the model, and its turn in blocks and
events."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from tests.agentic.model import Turn, Wrong, answer

Body = dict[str, Any]
_number = itertools.count(1)

REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def create(request: Body) -> tuple[Body, list[Body]]:
    """The message to a request, and its events. Raises Wrong."""
    if request.get("max_tokens", 0) < 1:
        raise Wrong(400, "There is nothing to say.")
    turn = answer(_chat(request))
    found = {"id": f"msg_{next(_number)}", "type": "message", "role": "assistant"}
    blocks = _blocks(turn)
    stop = turn.stopped
    body: Body = {
        **found,
        "model": request["model"],
        "content": blocks or [{"type": "text", "text": ""}],
        "stop_reason": "stop_sequence" if stop else REASONS[turn.finish],
        "stop_sequence": stop,
        "usage": {"input_tokens": len(turn.prompt), "output_tokens": turn.completion},
    }
    return body, list(_events(body, turn, blocks))


def count(request: Body) -> Body:
    """The answer of count_tokens. Raises Wrong."""
    return {"input_tokens": len(answer(_chat({**request, "max_tokens": 1})).prompt)}


def _chat(request: Body) -> Body:
    messages: list[Body] = []
    if system := request.get("system"):
        text = system if isinstance(system, str) else "".join(part["text"] for part in system)
        messages.append({"role": "system", "content": text})
    for message in request["messages"]:
        if message["role"] not in ("user", "assistant"):
            raise Wrong(400, "There is no such role.")
        messages += _read(message)
    body = {**request, "messages": messages, "stop": request.get("stop_sequences")}
    body["tools"] = [
        {"type": "function", "function": _function(tool)} for tool in request.get("tools") or []
    ]
    choice = request.get("tool_choice") or {}
    if choice.get("type") == "tool" and "name" not in choice:
        raise Wrong(400, "The choice has no name.")
    body["parallel"] = not choice.get("disable_parallel_tool_use")
    body["tool_choice"] = {
        "any": "required",
        "tool": {"type": "function", "function": {"name": choice.get("name")}},
    }.get(choice.get("type", ""), choice.get("type"))
    config = request.get("output_config") or {}
    if "format" in config:
        body["response_format"] = {"type": "json_schema", "json_schema": config["format"]}
    body["thinks"] = (request.get("chat_template_kwargs") or {}).get("enable_thinking")
    if (request.get("thinking") or {}).get("type") == "disabled":
        body["thinks"] = False
    elif config.get("effort"):
        body["thinks"] = True
    return body


def _function(tool: Body) -> Body:
    renamed = {"input_schema": "parameters"}
    return {renamed.get(name, name): value for name, value in tool.items()}


def _read(message: Body) -> list[Body]:
    content = message["content"]
    if isinstance(content, str):
        return [{"role": message["role"], "content": content}]
    text = [part for part in content if part["type"] in ("text", "image")]
    calls = [
        {
            "id": part["id"],
            "type": "function",
            "function": {"name": part["name"], "arguments": json.dumps(part["input"])},
        }
        for part in content
        if part["type"] == "tool_use"
    ]
    results = [
        {"role": "tool", "tool_call_id": part["tool_use_id"], "content": part["content"]}
        for part in content
        if part["type"] == "tool_result"
    ]
    if results:
        return results
    found: Body = {"role": message["role"], "content": text or None}
    return [{**found, "tool_calls": calls} if calls else found]


def _blocks(turn: Turn) -> list[Body]:
    found: list[Body] = []
    if turn.reasoning:
        found.append({"type": "thinking", "thinking": turn.reasoning, "signature": "s"})
    if turn.text:
        found.append({"type": "text", "text": turn.text})
    for call in turn.calls:
        told = {"type": "tool_use", "id": call["id"], "name": call["name"]}
        found.append({**told, "input": json.loads(call["arguments"])})
    return found


def _events(body: Body, turn: Turn, blocks: list[Body]) -> Iterator[Body]:
    usage = {**body["usage"], "output_tokens": 0}
    head = {**body, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    yield {"type": "message_start", "message": head}
    for index, block in enumerate(blocks):
        empty = {
            **block,
            **{name: "" for name in ("text", "thinking") if name in block},
            **({"input": {}} if "input" in block else {}),
        }
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in _deltas(block, turn):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": body["stop_reason"], "stop_sequence": body["stop_sequence"]}
    yield {"type": "message_delta", "delta": ended, "usage": body["usage"]}
    yield {"type": "message_stop"}


def _deltas(block: Body, turn: Turn) -> Iterator[Body]:
    if block["type"] == "text":
        for piece in turn.pieces:
            yield {"type": "text_delta", "text": piece}
    elif block["type"] == "thinking":
        yield {"type": "thinking_delta", "thinking": block["thinking"]}
        yield {"type": "signature_delta", "signature": "s"}
    else:
        said = json.dumps(block["input"])
        for piece in (said[:9], said[9:]):
            yield {"type": "input_json_delta", "partial_json": piece}
