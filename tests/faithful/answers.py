"""Answers of the engine: when they end, their text in pieces, and their scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.faithful import sampler
from tests.faithful.engine import Engine
from tests.faithful.faults import Fault


@dataclass
class Answer:
    """One choice.

    Attributes:
        ids: with the token that ended it.
        pieces: the text that each token adds.
        scores: log probabilities `[vocabulary]` that each token was one of.
    """

    ids: list[int] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    scores: list[np.ndarray] = field(default_factory=list)
    finish_reason: str = "length"

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def generate(engine: Engine, body: dict[str, Any], prompt: list[int], fault: Fault) -> list[Answer]:
    """All choices of one prompt."""
    count, seed = body.get("n") or 1, body.get("seed")
    if body.get("use_beam_search"):
        return beams(engine, prompt, count, limit(engine, body, prompt))
    known: dict[tuple[int, ...], np.ndarray] = {}

    def draw(output: list[int], source: np.random.Generator) -> int:
        """The next token; many choices of one request come to the same places."""
        if tuple(output) not in known:
            place = sampler.Place(engine, body, prompt, output)
            known[tuple(output)] = sampler.distribution(place, fault.order).cumsum()
        sums = known[tuple(output)]
        return int(np.searchsorted(sums, source.random() * sums[-1], side="right"))

    found = []
    for number in range(count):
        own = None if seed is None else seed + (0 if fault.one_seed else number)
        found.append(_one(engine, body, prompt, np.random.default_rng(own), draw))
    return found


def limit(engine: Engine, body: dict[str, Any], prompt: list[int]) -> int:
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    return int(asked if asked is not None else min(64, engine.context - len(prompt)))


def _one(
    engine: Engine,
    body: dict[str, Any],
    prompt: list[int],
    source: np.random.Generator,
    draw: Callable[[list[int], np.random.Generator], int],
) -> Answer:
    answer = Answer()
    ends = set(body.get("stop_token_ids") or [])
    if not body.get("ignore_eos"):
        ends.add(engine.end)
    scored = body.get("logprobs") is not None
    for _ in range(limit(engine, body, prompt)):
        token = draw(answer.ids, source)
        if scored:
            raw = engine.logits([*prompt, *answer.ids])
            answer.scores.append(raw - np.logaddexp.reduce(raw))
        answer.ids.append(token)
        if token in ends:
            answer.finish_reason = "stop"
            answer.pieces.append("")
            return answer
        answer.pieces.append(_added(engine, body, answer))
        if _cut_at_stop(body, answer):
            answer.finish_reason = "stop"
            return answer
        if _repeats(body, answer.ids):
            answer.finish_reason = "repetition"
            return answer
    return answer


def _added(engine: Engine, body: dict[str, Any], answer: Answer) -> str:
    special = body.get("skip_special_tokens") is False
    whole = engine.decode(answer.ids, special=special)
    return "" if whole.endswith("\ufffd") else whole[len(answer.text) :]


def _cut_at_stop(body: dict[str, Any], answer: Answer) -> bool:
    stops = body.get("stop") or []
    text = answer.text
    for stop in [stops] if isinstance(stops, str) else stops:
        if (place := text.find(stop)) >= 0:
            kept = place + (len(stop) if body.get("include_stop_str_in_output") else 0)
            while len(answer.text) > kept:
                over = len(answer.text) - kept
                last = max(n for n, piece in enumerate(answer.pieces) if piece)
                answer.pieces[last] = answer.pieces[last][: max(0, len(answer.pieces[last]) - over)]
            return True
    return False


def _repeats(body: dict[str, Any], ids: list[int]) -> bool:
    asked = body.get("repetition_detection")
    if not asked:
        return False
    for size in range(asked["min_pattern_size"], asked["max_pattern_size"] + 1):
        count = asked["min_count"]
        if len(ids) >= size * count and ids[-size * count :] == ids[-size:] * count:
            return True
    return False


def beams(engine: Engine, prompt: list[int], count: int, tokens: int) -> list[Answer]:
    """The likeliest answers, best first."""
    running: list[tuple[float, list[int]]] = [(0.0, [])]
    done: list[tuple[float, list[int]]] = []
    for _ in range(tokens):
        longer = []
        for score, ids in running:
            scores = np.log(sampler.softmax(engine.logits([*prompt, *ids])))
            for id in np.argsort(-scores)[: 2 * count].tolist():
                longer.append((score + float(scores[id]), [*ids, id]))
        longer.sort(key=lambda each: -each[0])
        done += [each for each in longer if each[1][-1] == engine.end]
        running = [each for each in longer if each[1][-1] != engine.end][:count]
    best = sorted([*done, *running], key=lambda each: -each[0] / len(each[1]))[:count]
    return [_of_beam(engine, ids) for _, ids in best]


def _of_beam(engine: Engine, ids: list[int]) -> Answer:
    ended = ids[-1] == engine.end
    pieces = [engine.decode(ids, special=False)]
    return Answer(ids, pieces, [], "stop" if ended else "length")
