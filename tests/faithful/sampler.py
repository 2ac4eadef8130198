"""The next token: production's parameters, each as one step, in production's order or another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.faithful.engine import Engine

OUT = -np.inf


@dataclass(frozen=True)
class Place:
    """Where a token is drawn: the request, its prompt, and what came so far."""

    engine: Engine
    body: dict[str, Any]
    prompt: list[int]
    output: list[int]


Step = Callable[[np.ndarray, Place], np.ndarray]


def only(logits: np.ndarray, ids: Sequence[int]) -> np.ndarray:
    found = np.full_like(logits, OUT)
    found[list(ids)] = logits[list(ids)]
    return found


def options(body: dict[str, Any]) -> list[str] | None:
    """All texts that a constraint allows; None without one."""
    constraint = body.get("structured_outputs") or {}
    if "choice" in constraint:
        return list(constraint["choice"])
    if "regex" in constraint:
        return [
            chr(code) for code in range(32, 127) if re.fullmatch(constraint["regex"], chr(code))
        ]
    form = (body.get("response_format") or {}).get("type")
    return ['{"canned": true}'] if form == "json_object" else None


def structured(logits: np.ndarray, place: Place) -> np.ndarray:
    if (allowed := options(place.body)) is None:
        return logits
    said = place.engine.decode(place.output, special=False)
    ids = [
        id
        for id, text in enumerate(place.engine.texts)
        if text and any(option.startswith(said + text) for option in allowed)
    ]
    return only(logits, [*ids, place.engine.end] if said in allowed else ids)


def allowed_ids(logits: np.ndarray, place: Place) -> np.ndarray:
    ids = place.body.get("allowed_token_ids")
    return only(logits, ids) if ids else logits


def bad_words(logits: np.ndarray, place: Place) -> np.ndarray:
    found = logits.copy()
    for word in place.body.get("bad_words") or []:
        for spelling in (word, f" {word}"):
            *before, last = place.engine.encode(spelling)
            if place.output[len(place.output) - len(before) :] == before:
                found[last] = OUT
    return found


def min_tokens(logits: np.ndarray, place: Place) -> np.ndarray:
    found = logits.copy()
    if len(place.output) < place.body.get("min_tokens", 0):
        found[[place.engine.end, *(place.body.get("stop_token_ids") or [])]] = OUT
    return found


def logit_bias(logits: np.ndarray, place: Place) -> np.ndarray:
    found = logits.copy()
    for id, bias in (place.body.get("logit_bias") or {}).items():
        found[int(id)] += bias
    return found


def penalties(logits: np.ndarray, place: Place) -> np.ndarray:
    found = logits.copy()
    strength = place.body.get("repetition_penalty") or 1.0
    seen = list({*place.prompt, *place.output})
    found[seen] = np.where(found[seen] > 0, found[seen] / strength, found[seen] * strength)
    for id, count in Counter(place.output).items():
        found[id] -= count * (place.body.get("frequency_penalty") or 0)
        found[id] -= place.body.get("presence_penalty") or 0
    return found


def temperature(logits: np.ndarray, place: Place) -> np.ndarray:
    return logits / (place.body.get("temperature", 1) or 1)


def min_p(logits: np.ndarray, place: Place) -> np.ndarray:
    least = place.body.get("min_p") or 0
    return np.where(logits >= logits.max() + np.log(least), logits, OUT) if least else logits


def top_k(logits: np.ndarray, place: Place) -> np.ndarray:
    count = place.body.get("top_k") or 0
    return only(logits, np.argsort(-logits)[:count].tolist()) if count > 0 else logits


def top_p(logits: np.ndarray, place: Place) -> np.ndarray:
    mass = place.body.get("top_p", 1)
    if mass is None or mass >= 1:
        return logits
    ranked = np.argsort(-logits)
    before = np.cumsum(softmax(logits)[ranked]) - softmax(logits)[ranked]
    return only(logits, ranked[before < mass].tolist())


ORDER: tuple[Step, ...] = (
    structured, allowed_ids, bad_words, min_tokens, logit_bias, penalties, temperature, min_p,
    top_k, top_p,
)  # fmt: skip


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())


def distribution(place: Place, order: Sequence[Step] = ORDER) -> np.ndarray:
    """Probabilities of the next token; 1 for the best at temperature 0."""
    logits = place.engine.logits([*place.prompt, *place.output])
    for step in order:
        changed = step(logits, place)
        logits = changed if np.isfinite(changed).any() else logits
    if place.body.get("temperature", 1) == 0:
        return np.eye(1, len(logits), int(logits.argmax()))[0]
    return softmax(logits)
