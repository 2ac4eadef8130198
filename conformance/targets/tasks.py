"""What a server does with its model: continue text, embed, score, classify, hear, see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.outcomes import Failed
from conformance.targets.client import Client, Response, TransportFailure
from conformance.targets.multipart import multipart
from fixtures.images import PICTURES, png, url
from fixtures.models.tasks.words import (
    AUDIO,
    CLASSIFICATION,
    EMBEDDING,
    IMAGES,
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


_WORD = {"type": "text", "text": "Hi"}
_IMAGE = {"type": "image_url", "image_url": {"url": url(png(PICTURES["stripes"]))}}


def _chat(content: object) -> Least:
    return _post("/chat/completions", messages=[{"role": "user", "content": content}], max_tokens=1)


_LEAST: dict[str, Least] = {
    TEXT: _chat("Hi"),
    EMBEDDING: _post("/embeddings", input="Hi"),
    SCORING: _post("/rerank", at_root=True, query="Hi", documents=["Hi"]),
    CLASSIFICATION: _post("/classify", at_root=True, input="Hi"),
    AUDIO: _listen,
    IMAGES: _chat([_IMAGE, _WORD]),
}


def ask_least(client: Client, model: str, task: str, timeout_s: float) -> Response:
    """The cheapest valid request for a task. Raises TransportFailure."""
    return _LEAST[task](client, model, timeout_s)


def offered(client: Client, model: str) -> tuple[str, ...]:
    """The tasks beside text that a server answers a request for with 200."""
    found = []
    for task in OTHERS:
        try:
            response = ask_least(client, model, task, TRY_TIMEOUT_S)
            if response.status == 200 and (task != IMAGES or _sees(response, client, model)):
                found.append(task)
        except TransportFailure:
            continue
    return tuple(found)


def _sees(response: Response, client: Client, model: str) -> bool:
    """Whether an image made the prompt longer: to many servers any chat is one of its text."""
    without = _chat([_WORD])(client, model, TRY_TIMEOUT_S)
    return _prompt_tokens(response) > _prompt_tokens(without) > 0


def _prompt_tokens(response: Response) -> int:
    """What the usage counts of a prompt; 0 where there is none."""
    try:
        body = response.json()
    except Failed:
        return 0
    usage = body.get("usage") if isinstance(body, dict) else None
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return count if isinstance(count, int) else 0
