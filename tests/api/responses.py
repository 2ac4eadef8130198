"""Responses as the client would have them, made by hand."""

from __future__ import annotations

import json
from typing import Any

import httpx

from conformance.api.ask import Stream, read_stream
from conformance.evidence import Exchange
from conformance.targets.client import Response

ERROR = {"error": {"message": "no", "type": "BadRequestError", "param": None, "code": 400}}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def response(
    body: object = b"",
    *,
    status: int = 200,
    kind: str = "application/json",
    arrivals: list[tuple[float, bytes]] | None = None,
    elapsed_s: float = 1.0,
) -> Response:
    """A response with this body: bytes as they are, anything else as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    exchange = Exchange(
        "curl", "POST", "http://x/v1/chat", status, raw.decode("latin1"), False, 1.0
    )
    headers = httpx.Headers({"content-type": kind} if kind else {})
    return Response(status, headers, tuple(arrivals or [(0.5, raw)]), elapsed_s, exchange)


def events(*data: object) -> bytes:
    """Server-sent events: text as it is, anything else as JSON."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in data]
    return "".join(f"data: {text}\n\n" for text in texts).encode()


def stream(*data: object) -> Stream:
    """A finished stream of these events and [DONE]."""
    return read_stream(response(events(*data, "[DONE]"), kind="text/event-stream"))


def chat_answer(text: str | None = "Hello", reason: str = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    head = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m"}
    return {**head, "choices": [choice], "usage": USAGE, **more}


def completion_answer(text: str = " 15", reason: str = "length", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": None}
    head = {"id": "c-1", "object": "text_completion", "created": 1, "model": "m"}
    return {**head, "choices": [choice], "usage": USAGE, **more}


def chat_chunk(
    text: str | None = None, reason: str | None = None, *, index: int = 0, **more: Any
) -> dict[str, Any]:
    """A chunk with one choice; `role` goes into its delta."""
    delta = {"content": text, **({"role": more.pop("role")} if "role" in more else {})}
    choice = {"index": index, "delta": delta, "finish_reason": reason}
    if "logprobs" in more:
        choice["logprobs"] = more.pop("logprobs")
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": [choice], **more}


def completion_chunk(
    text: str = "", reason: str | None = None, *, index: int = 0, **more: Any
) -> dict[str, Any]:
    choice = {"index": index, "text": text, "finish_reason": reason}
    if "logprobs" in more:
        choice["logprobs"] = more.pop("logprobs")
    head = {"id": "c-1", "object": "text_completion", "created": 1, "model": "m"}
    return {**head, "choices": [choice], **more}
