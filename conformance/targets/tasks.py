"""What a server does with its model: continue text, embed, score, classify, hear, see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.targets.client import Client, Response, TransportFailure
from conformance.targets.multipart import multipart
from fixtures.models.tasks.words import (
    AUDIO,
    CLASSIFICATION,
    EMBEDDING,
    OTHERS,
    SCORING,
    TEXT,
)
from fixtures.sounds import silence

Least = Callable[[Client, str, float], Response]
"""Sends the cheapest valid request for a task, within a time in seconds."""

TRY_TIMEOUT_S = 15.0
"""How long a server may take to say whether it does something, before that counts as a no."""


def _post(path: str, *, at_root: bool = False, **own: Any) -> Least:
    """A request to an operation below the base URL, or of vLLM's own below its root."""

    def ask(client: Client, model: str, timeout_s: float) -> Response:
        where = f"{client.root}{path}" if at_root else path
        return client.post(where, {"model": model, **own}, timeout_s=timeout_s)

    return ask


def _listen(client: Client, model: str, timeout_s: float) -> Response:
    body, headers = multipart([("model", model), ("language", "en")], silence(0.1))
    return client.request(
        "POST", "/audio/transcriptions", content=body, headers=headers, timeout_s=timeout_s
    )


_LEAST: dict[str, Least] = {
    TEXT: _post("/chat/completions", messages=[{"role": "user", "content": "Hi"}], max_tokens=1),
    EMBEDDING: _post("/embeddings", input="Hi"),
    SCORING: _post("/rerank", at_root=True, query="Hi", documents=["Hi"]),
    CLASSIFICATION: _post("/classify", at_root=True, input="Hi"),
    AUDIO: _listen,
}


def ask_least(client: Client, model: str, task: str, timeout_s: float) -> Response:
    """The cheapest valid request for a task. Raises TransportFailure."""
    return _LEAST[task](client, model, timeout_s)


def offered(client: Client, model: str) -> tuple[str, ...]:
    """The tasks beside text that a server answers a request for with 200."""
    found = []
    for task in OTHERS:
        if task not in _LEAST:
            continue
        try:
            if ask_least(client, model, task, TRY_TIMEOUT_S).status == 200:
                found.append(task)
        except TransportFailure:
            continue
    return tuple(found)
