"""One answer of each kind that HTTP requirements look at."""

from __future__ import annotations

from collections.abc import Callable

from conformance.api import invalid
from conformance.api.ask import Ask
from conformance.api.prompts import COUNT, GREETING
from conformance.targets.client import Response

ANSWERS: dict[str, Callable[[Ask], Response]] = {
    "models": lambda ask: ask.client.get("/models"),
    "chat": lambda ask: ask.chat(GREETING, max_tokens=1),
    "completions": lambda ask: ask.complete(COUNT, max_tokens=1),
    "error": lambda ask: invalid.UNKNOWN_MODEL["chat"].send(ask),
}
