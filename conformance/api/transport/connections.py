"""What happens on a connection before the request that a requirement is on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from conformance.api.transport.usual import CHAT, Usual
from conformance.outcomes import Failed
from conformance.targets.wire import Wire

BEFORE: Mapping[str, Callable[[Usual], Any]] = {
    "answer": lambda usual: usual.body,
    "stream": lambda usual: {**usual.body, "stream": True},
    "refusal": lambda usual: {**usual.body, "temperature": -1},
    "no-json": lambda usual: as_bytes(usual.body)[:-1],
    "unknown-model": lambda usual: {**usual.body, "model": "no-such-model"},
}
"""A body that is answered or refused, on a connection that is kept."""


def _while_sending(wire: Wire, usual: Usual) -> None:
    data = wire.request("POST", CHAT, usual.body)
    wire.send(data[: len(data) - 10])


def _while_waiting(wire: Wire, usual: Usual) -> None:
    wire.send(wire.request("POST", CHAT, {**usual.body, "max_tokens": 8}))


def _while_streaming(wire: Wire, usual: Usual) -> None:
    wire.send(wire.request("POST", CHAT, {**usual.body, "max_tokens": 8, "stream": True}))
    wire.read_some()


IDLE: Mapping[str, Callable[[Wire, Usual], None]] = {
    "silent": lambda wire, usual: None,
    "half-a-request": _while_sending,
}
"""What is sent on each of `IDLE_CONNECTIONS`."""

IDLE_CONNECTIONS = 16

MOMENTS: Mapping[str, Callable[[Wire, Usual], None]] = {
    "while-sending": _while_sending,
    "while-waiting": _while_waiting,
    "while-streaming": _while_streaming,
}
"""What a client does before it hangs up."""


def goes_on(told: bytes) -> None:
    """What came before the body tells to go on, or is the answer. Raises Failed."""
    if not told.startswith(b"HTTP/1."):
        raise Failed("A client is not told to go on", expected="100 Continue", actual=told[:100])


def as_bytes(body: object) -> bytes:
    """A body as it is sent."""
    return json.dumps(body).encode()
