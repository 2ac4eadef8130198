"""A language model without weights: it knows what it will say, and samples as a real one does.

Each step gives a high logit to the next token of a script (or to several, where there is no right
answer) and a low one to all others, so that temperature, seed, penalties and bias have their
effect. Emoji are three tokens: two bytes, one, and one.
"""

from __future__ import annotations

import codecs
import math
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

GREETING = "Hello! How can I help you today?"
STORY = " ".join(["Once upon a time a fox went to the river and then it went home again."] * 8)

END = 256
WORDS = sorted(
    {word for text in (GREETING, STORY) for word in re.findall(r" ?\w+|[^\w ]", text)}
    | {f" {word}" for word in ("window", "garden", "silver", "winter", "apple", "river", "stone")}
)
BYTES = [bytes([byte]) for byte in range(256)]
VOCABULARY = [*BYTES, b"", b"\xf0\x9f", *(word.encode() for word in WORDS)]
IDS = {token: id for id, token in enumerate(VOCABULARY)}
DICE = [ord(digit) for digit in "123456"]

LIKELY, UNLIKELY = 12.0, 0.0


@dataclass
class Generated:
    """One answer: its tokens and, for a stream, the text that each of them adds."""

    text: str
    pieces: list[str]
    tokens: list[bytes]
    names: list[str]
    logprobs: list[float]
    tops: list[dict[bytes, float]]
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


def tokenize(text: str) -> list[int]:
    """Token ids: the longest word of the vocabulary that fits, else one byte."""
    data, ids = text.encode(errors="replace"), []
    while data:
        size = next(n for n in range(min(len(data), 16), 0, -1) if data[:n] in IDS)
        ids.append(IDS[data[:size]])
        data = data[size:]
    return ids


def chat_script(messages: list[dict[str, Any]]) -> tuple[int, Iterator[list[int]]]:
    """Number of prompt tokens, and the likely tokens of each step of the answer."""
    said = [_content(message) for message in messages]
    count = sum(len(tokenize(text)) + 4 for text in said)
    last = said[-1].strip()
    if last == "Roll":
        return count, dice()
    text = {"Hi": GREETING}.get(last, STORY if "story" in last else last)
    return count, iter([[id] for id in tokenize(text)] + [[END]])


def text_script(prompt: str | list[int]) -> tuple[int, Iterator[list[int]]]:
    """As `chat_script`, for a legacy prompt: it is continued without end."""
    ids = tokenize(prompt) if isinstance(prompt, str) else prompt
    text = b"".join(VOCABULARY[id] for id in ids).decode(errors="replace")
    numbers = [int(word) for word in text.split() if word.isdigit()]
    if numbers and numbers == sorted(numbers):
        start = numbers[-1] + 1
        more = "".join(f" {number}" for number in range(start, start + 100))
        return len(ids), iter([[id] for id in tokenize(more)])
    if numbers:
        return len(ids), dice()
    return len(ids), cycle([[id] for id in tokenize(text)] or [[END]])


def dice() -> Iterator[list[int]]:
    """Digits that nobody can foresee, with spaces between."""
    return cycle([DICE, [ord(" ")]])


def generate(
    prompt_tokens: int, script: Iterator[list[int]], body: dict[str, Any], choice: int
) -> Generated:
    """One answer under the request's sampling parameters."""
    default = 16 if "prompt" in body else 256
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or default
    stops = body.get("stop") or []
    stops = [stops] if isinstance(stops, str) else stops
    seed = body.get("seed")
    chance = random.Random(None if seed is None else f"{seed} {choice}")
    decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
    answer = Generated("", [], [], [], [], [], "length", prompt_tokens, 0)
    for likely in script:
        id, logprobs = _sample(likely, answer.tokens, body, chance)
        answer.completion_tokens += 1
        if id == END:
            answer.finish_reason = "stop"
            break
        answer.tokens.append(VOCABULARY[id])
        answer.names.append(decode(VOCABULARY[id]))
        answer.logprobs.append(logprobs[id])
        ranked = sorted(logprobs, key=lambda id: -logprobs[id])[:20]
        answer.tops.append({VOCABULARY[id]: logprobs[id] for id in ranked})
        answer.text += answer.names[-1]
        if any(stop in answer.text for stop in stops):
            answer.finish_reason = "stop"
            answer.text = answer.text[: min(answer.text.find(s) % 10**9 for s in stops)]
            break
        if answer.completion_tokens == limit:
            break
    return _cut(answer)


def _cut(answer: Generated) -> Generated:
    """Give the answer its pieces: each token's text, cut where the answer's text ends."""
    room = len(answer.text)
    for name in answer.names:
        answer.pieces.append(name[:room])
        room -= len(answer.pieces[-1])
    return answer


def _sample(
    likely: list[int], said: list[bytes], body: dict[str, Any], chance: random.Random
) -> tuple[int, dict[int, float]]:
    """A token, and the log probability of each before temperature."""
    counts = Counter(IDS[token] for token in said)
    logits = {id: UNLIKELY - id % 7 for id in range(len(VOCABULARY)) if id != END}
    logits |= dict.fromkeys(likely, LIKELY)
    logprobs = _log_softmax(logits)
    for id, count in counts.items():
        logits[id] -= body.get("presence_penalty") or 0
        logits[id] -= (body.get("frequency_penalty") or 0) * count
    for id, bias in (body.get("logit_bias") or {}).items():
        logits[int(id)] = logits.get(int(id), UNLIKELY) + bias
    temperature = body.get("temperature", 1)
    if not temperature:
        return max(logits, key=lambda id: (logits[id], -id)), logprobs
    scaled = _log_softmax({id: logit / temperature for id, logit in logits.items()})
    kept = _nucleus(scaled, body.get("top_p") or 1)[: body.get("top_k") or None]
    least = scaled[kept[0]] + math.log(body.get("min_p") or 1e-9)
    kept = [id for id in kept if scaled[id] >= least]
    weights = [math.exp(scaled[id]) for id in kept]
    return chance.choices(kept, weights)[0], logprobs


def _nucleus(logprobs: dict[int, float], top_p: float) -> list[int]:
    ranked, total = sorted(logprobs, key=lambda id: -logprobs[id]), 0.0
    for number, id in enumerate(ranked):
        total += math.exp(logprobs[id])
        if total >= top_p:
            return ranked[: number + 1]
    return ranked


def _log_softmax(logits: dict[int, float]) -> dict[int, float]:
    top = max(logits.values())
    total = top + math.log(sum(math.exp(logit - top) for logit in logits.values()))
    return {id: logit - total for id, logit in logits.items()}


def _content(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)
