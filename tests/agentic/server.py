"""The server in memory: it stands for the suite's client, and has one fault or none."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from conformance.evidence import Exchange
from conformance.targets.client import Response
from tests.agentic import messages
from tests.agentic.model import Turn, Wrong, answer
from tests.agentic.responses import Store

Body = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What is done at each stage; by default nothing.

    Attributes:
        request: a request's body, before anybody looks at it.
        answer: an answer's body.
        events: a stream's events.
        status: of an answer or a refusal, given its own.
        refusal: a refusal's body.
        burst: a stream comes at its end, all at once.
    """

    request: Callable[[Body], Body] = lambda body: body
    answer: Callable[[Body], Body] = lambda body: body
    events: Callable[[list[Body]], list[Body]] = lambda events: events
    status: Callable[[int], int] = lambda status: status
    refusal: Callable[[Body], Body] = lambda body: body
    burst: bool = False


class MemoryServer:
    """Answers as `conformance.targets.client.Client` does, without a network."""

    base_url, timeout_s = "http://memory/v1", 1.0

    def __init__(self, fault: Fault = Fault()) -> None:
        self.fault, self.exchanges, self._store = fault, list[Exchange](), Store()
        self.asked: list[tuple[str, set[str]]] = []

    def get(self, path: str, **options: Any) -> Response:
        return self.request("GET", path)

    def post(self, path: str, json: object = None, **options: Any) -> Response:
        return self.request("POST", path, json=json)

    def request(self, method: str, path: str, *, json: Any = None, **options: Any) -> Response:
        self.asked.append((f"{method} {path}", set(json or {})))
        request = self.fault.request(copy.deepcopy(json or {}))
        request["number"] = len(self.exchanges)
        try:
            body, events = self._answered(method, urlsplit(path), request)
        except Wrong as wrong:
            told = {"type": "invalid_request_error", "message": wrong.message}
            error = {"type": "error", "error": {**told, "param": None, "code": wrong.status}}
            return self._sent(method, path, self.fault.status(wrong.status), error, refused=True)
        if events is None:
            told = self.fault.answer(copy.deepcopy(body))
            return self._sent(method, path, self.fault.status(200), told)
        return self._streamed(method, path, self.fault.events([*map(copy.deepcopy, events)]))

    def _answered(self, method: str, url: Any, request: Body) -> tuple[Body, list[Body] | None]:
        streams = request.get("stream")
        if url.path == "/chat/completions":
            return _chat(request, answer({**request, "cache_salt": None})), None
        if url.path == "/messages/count_tokens":
            return messages.count(request), None
        if url.path == "/messages":
            body, events = messages.create(request)
        elif url.path == "/responses":
            body, events = self._store.create(request)
        else:
            _, _, id, *rest = url.path.split("/")
            if rest:
                return self._store.cancel(id), None
            query = parse_qs(url.query)
            streams = "stream" in query
            body = self._store.retrieve(id)
            events = self._store.events[id] if streams else []
            after = int(query["starting_after"][0]) if "starting_after" in query else -1
            events = [event for event in events if event["sequence_number"] > after]
        return body, events if streams else None

    def _sent(
        self, method: str, path: str, status: int, body: Body, *, refused: bool = False
    ) -> Response:
        told = self.fault.refusal(body) if refused else body
        data = json.dumps(told).encode()
        return self._response(method, path, status, "application/json", [(0.5, data)])

    def _streamed(self, method: str, path: str, events: list[Body]) -> Response:
        parts = []
        for number, event in enumerate(events):
            moment = 1.0 if self.fault.burst else (number + 1) / len(events)
            name = event.pop("event", event["type"])
            parts.append((moment, f"event: {name}\ndata: {json.dumps(event)}\n\n".encode()))
        return self._response(method, path, 200, "text/event-stream", parts)

    def _response(
        self, method: str, path: str, status: int, kind: str, parts: list[tuple[float, bytes]]
    ) -> Response:
        text = b"".join(data for _, data in parts).decode()
        exchange = Exchange("curl", method, self.base_url + path, status, text, False, 1.0)
        self.exchanges.append(exchange)
        return Response(status, httpx.Headers({"content-type": kind}), tuple(parts), 1.0, exchange)


def _chat(request: Body, turn: Turn) -> Body:
    message = {"role": "assistant", "content": turn.text}
    scores = {"content": turn.scores} if request.get("logprobs") else None
    choice = {"index": 0, "message": message, "finish_reason": turn.finish, "logprobs": scores}
    counts = len(turn.prompt), turn.completion
    usage = dict(zip(("prompt_tokens", "completion_tokens"), counts, strict=True))
    head = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "canned"}
    return {**head, "choices": [choice], "usage": {**usage, "total_tokens": sum(counts)}}
