"""The Responses API in memory: what a request says to the model; its turn in items and events."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from tests.agentic.model import Turn, Wrong, answer

Body = dict[str, Any]
_number = itertools.count(1)


class Store:
    """The responses that are kept, and the conversations that they answer."""

    def __init__(self) -> None:
        self.bodies: dict[str, Body] = {}
        self.said: dict[str, list[Body]] = {}
        self.events: dict[str, list[Body]] = {}
        self.waiting: dict[str, Body] = {}

    def create(self, request: Body) -> tuple[Body, list[Body]]:
        """The response to a request, and its events. Raises Wrong."""
        if request.get("background") and request.get("store") is False:
            raise Wrong(400, "Nobody could ask for it.")
        if "prompt" in request:
            raise Wrong(400, "There are no templates.")
        messages = self._messages(request)
        turn = answer(_chat(request, messages))
        if request.get("include_reasoning") is False:
            turn.reasoning = ""
        body = _body(request, turn)
        events = list(numbered(_events(body, turn)))
        if request.get("store", True) is not False:
            id = body["id"]
            self.bodies[id], self.said[id], self.events[id] = body, messages, events
        if request.get("background") and not request.get("stream"):
            self.waiting[body["id"]] = body
            queued = {**body, "status": "queued", "output": [], "usage": None}
            self.bodies[body["id"]] = queued
            return {**queued, "incomplete_details": None}, events
        return body, events

    def retrieve(self, id: str) -> Body:
        """A response that is kept; one of the background is over the second time. Raises Wrong."""
        if id not in self.bodies:
            raise Wrong(404, "There is no such response.")
        found = self.bodies[id]
        if id in self.waiting and found["status"] == "queued":
            self.bodies[id] = self.waiting.pop(id)
        return found

    def cancel(self, id: str) -> Body:
        """A response of the background that is ended. Raises Wrong."""
        if self.retrieve(id)["status"] != "queued":
            raise Wrong(400, "It is over.")
        self.bodies[id] = {**self.bodies[id], "status": "cancelled"}
        return self.bodies[id]

    def _messages(self, request: Body) -> list[Body]:
        messages: list[Body] = []
        if request.get("instructions"):
            messages.append({"role": "system", "content": request["instructions"]})
        if before := request.get("previous_response_id"):
            if before not in self.bodies:
                raise Wrong(404, "There is no such response.")
            messages += [m for m in self.said[before] if m["role"] != "system"]
            messages += _read(self.bodies[before]["output"])
        asked = request["input"]
        if isinstance(asked, str):
            asked = [{"role": "user", "content": asked}]
        return messages + _read(asked)


def _read(items: list[Body]) -> list[Body]:
    found: list[Body] = []
    for item in items:
        kind = item.get("type", "message")
        if kind == "message":
            found.append({"role": item["role"], "content": item["content"]})
        elif kind == "function_call":
            function = {name: item[name] for name in ("name", "arguments")}
            call = {"id": item["call_id"], "type": "function", "function": function}
            if found and found[-1].get("tool_calls"):
                found[-1]["tool_calls"].append(call)
            elif found and found[-1]["role"] == "assistant":
                found[-1]["tool_calls"] = [call]
            else:
                found.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif kind == "function_call_output":
            told = {"tool_call_id": item["call_id"], "content": item["output"]}
            found.append({"role": "tool", **told})
    return found


def _chat(request: Body, messages: list[Body]) -> Body:
    renamed = {"max_output_tokens": "max_tokens", "parallel_tool_calls": "parallel"}
    body = {renamed.get(name, name): value for name, value in request.items()}
    body["messages"] = messages
    form = (request.get("text") or {}).get("format") or {}
    if form.get("type") == "json_schema":
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    elif form:
        body["response_format"] = form
    if form and request.get("structured_outputs"):
        raise Wrong(400, "There are two constraints.")
    body["tools"] = [{"type": "function", "function": tool} for tool in request.get("tools", [])]
    choice = request.get("tool_choice")
    if isinstance(choice, dict):
        body["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}}
    thinks = (request.get("chat_template_kwargs") or {}).get("enable_thinking")
    if effort := (request.get("reasoning") or {}).get("effort"):
        thinks = effort != "none"
    body["thinks"] = thinks
    body["truncate"] = request.get("truncation") == "auto"
    last = request["input"][-1] if isinstance(request["input"], list) and request["input"] else {}
    body["continue"] = isinstance(last, dict) and last.get("status") == "incomplete"
    return body


ECHOED: Body = {
    "instructions": None, "max_tool_calls": None, "metadata": None, "parallel_tool_calls": True,
    "previous_response_id": None, "reasoning": None, "service_tier": "auto", "temperature": 1.0,
    "text": None, "tool_choice": "auto", "tools": [], "top_p": 1.0, "truncation": "disabled",
    "user": None, "background": False, "max_output_tokens": 256, "top_logprobs": None,
}  # fmt: skip


def _body(request: Body, turn: Turn) -> Body:
    told = {name: request.get(name, default) for name, default in ECHOED.items()}
    if isinstance(told["temperature"], int):
        told["temperature"] = float(told["temperature"])
    if isinstance(told["top_p"], int):
        told["top_p"] = float(told["top_p"])
    for tool in told["tools"]:
        tool.setdefault("strict", None)
        tool.setdefault("parameters", None)
    cut = turn.finish == "length"
    body: Body = {
        **told,
        "id": request.get("request_id") or f"resp_{next(_number)}",
        "object": "response",
        "created_at": 1,
        "model": request["model"],
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": _items(request, turn),
        "usage": _usage(request, turn),
    }
    if request.get("enable_response_messages"):
        body["input_messages"] = [{"tokens": turn.prompt}]
        body["output_messages"] = [{"tokens": list(range(turn.completion))}]
    return body


_seen: set[str] = set()


def _usage(request: Body, turn: Turn) -> Body:
    salt = f"{request.get('cache_salt')} {turn.prompt}"
    cached = len(turn.prompt) // 16 * 16 if salt in _seen else 0
    _seen.add(salt)
    return {
        "input_tokens": len(turn.prompt),
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": turn.completion,
        "output_tokens_details": {"reasoning_tokens": min(len(turn.reasoning), turn.completion)},
        "total_tokens": len(turn.prompt) + turn.completion,
    }


def _items(request: Body, turn: Turn) -> list[Body]:
    found: list[Body] = []
    if turn.reasoning:
        part = {"type": "reasoning_text", "text": turn.reasoning}
        found.append({"type": "reasoning", "id": "rs", "summary": [], "content": [part]})
    if turn.text:
        scored = "message.output_text.logprobs" in (request.get("include") or [])
        part = {"type": "output_text", "text": turn.text, "annotations": []}
        part["logprobs"] = turn.scores if scored else None
        told = {"type": "message", "role": "assistant", "status": "completed", "content": [part]}
        found.append({**told, "id": "msg"})
    for call in turn.calls:
        told = {"type": "function_call", "status": "completed", "call_id": call["id"]}
        told |= {"name": call["name"], "arguments": call["arguments"]}
        found.append({**told, "id": "fc"})
    return [{**item, "id": f"{item['id']}_{next(_number)}"} for item in found]


def _events(body: Body, turn: Turn) -> Iterator[Body]:
    begun = {**body, "status": "in_progress", "output": [], "usage": None}
    begun["incomplete_details"] = None
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(body["output"]):
        empty = {**item, "status": "in_progress"}
        empty |= {"arguments": ""} if "arguments" in item else {"content": []}
        yield {"type": "response.output_item.added", "output_index": index, "item": empty}
        where = {"output_index": index, "item_id": item["id"]}
        if "arguments" in item:
            yield from _arguments(item, where)
        else:
            yield from _part(item, {**where, "content_index": 0}, turn)
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": "response.completed", "response": body}


def _arguments(item: Body, where: Body) -> Iterator[Body]:
    name, said = "response.function_call_arguments", item["arguments"]
    for piece in (said[:9], said[9:]):
        yield {"type": f"{name}.delta", **where, "delta": piece}
    yield {"type": f"{name}.done", **where, "arguments": said, "name": item["name"]}


def _part(item: Body, where: Body, turn: Turn) -> Iterator[Body]:
    part = item["content"][0]
    name = f"response.{part['type']}"
    yield {"type": "response.content_part.added", **where, "part": {**part, "text": ""}}
    message = part["type"] == "output_text"
    pieces = turn.pieces if message else [part["text"][:5], part["text"][5:]]
    for number, piece in enumerate(pieces):
        event: Body = {"type": f"{name}.delta", **where, "delta": piece}
        if message:
            event["logprobs"] = (part["logprobs"] or [])[number : number + 1]
        yield event
    done: Body = {"type": f"{name}.done", **where, "text": part["text"]}
    yield {**done, "logprobs": []} if message else done
    yield {"type": "response.content_part.done", **where, "part": part}


def numbered(events: Iterator[Body]) -> Iterator[Body]:
    """The events with their numbers."""
    for number, event in enumerate(events):
        yield {**event, "sequence_number": number}
