"""Prompts that requirements share, by what a requirement needs of the answer.

A requirement that compares two greedy answers needs a prompt where the best token is ahead by far:
near ties may fall either way, and that is nobody's fault. General models get everyday prompts; the
gaps given here are those of SmolLM2-135M-Instruct in bfloat16, and larger models are surer of such
texts, not less. The scripted fixture model knows nothing but its scripts, and gets those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.models.cache import file_sha256
from fixtures.models.scripted import SCRIPTED, description

Messages = list[dict[str, Any]]

GREETING = "Hi"
"""Chat, where any answer will do. Greeted back in about ten tokens."""

COUNT = "1 2 3 4 5 6 7 8 9 10 11 12 13 14"
"""A legacy prompt that goes on counting: gaps of at least 1.8 nats over 15 tokens."""


def user(content: str | list[dict[str, str]]) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": content}


def assistant(content: str) -> dict[str, Any]:
    """A message of the conversation's past that the model said."""
    return {"role": "assistant", "content": content}


def system(content: str) -> dict[str, Any]:
    """A system message."""
    return {"role": "system", "content": content}


@dataclass(frozen=True)
class Prompts:
    """What to ask a model.

    Attributes:
        words: chat, surely answered with four or five words of at least three letters and then
            ended, all within 15 tokens; the last message is a string.
        long: chat, answered with `long_tokens` tokens or more: many if each takes little time.
        whole: chat, whose answer the model surely ends: as long as `long` where that has an end.
        emoji: chat, answered at once with emoji whose bytes straddle tokens.
        draw: chat without a right answer; in 8 tokens of the greedy one a token recurs where a
            penalty of 2 on what was generated surely changes it.
        heated: chat, sure of 8 tokens where the likeliest are taken, and hardly of the first one at
            temperature 2.
        draws: chats without a right answer: sampling shows in their answers taken together.
        series: a legacy prompt, surely continued for more than 16 tokens.
        second: another one, told from the first by its continuation.
        emoji_text: as `emoji`, for a legacy completion.
        draw_texts: as `draws`, for legacy completions.
        errand: chat, answered with one call of the tool `demanded` if the request demands it,
            and otherwise if not.
        tools: what to offer with it, `demanded` among them.
    """

    words: Messages
    long: Messages
    long_tokens: int
    whole: Messages
    emoji: Messages
    draw: Messages
    heated: Messages
    draws: Sequence[Messages]
    series: str
    second: str
    emoji_text: str
    draw_texts: Sequence[str]
    errand: Messages
    tools: Sequence[dict[str, Any]]
    demanded: dict[str, Any]


_EMOJI = "🙂🙃🙂🙃🙂🙃🙂🙃🙂🙃"

_DICE = [
    system("Roll the dice."),
    user("Roll"),
    assistant("3 1 4 1 5 2 6 5 3 5 1 4"),
    user("Roll"),
    assistant("2 6 6 3 1 5 4 4 2 1 3 6"),
    user("Roll"),
]

SWITCH: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "switch_light",
        "description": "Switches the light on or off.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"state": {"type": "string", "enum": ["on", "off"]}},
            "required": ["state"],
            "additionalProperties": False,
        },
    },
}
"""A function whose call is short: one argument with two values. It is strict: production constrains
no other's arguments, and what comes of them is up to the model."""

_REPEATED = [
    system("Repeat what the user says."),
    user("apple river stone"),
    assistant("apple river stone"),
    user("window garden silver winter"),
]

GENERAL = Prompts(
    # Repeated, and then ended: gaps of at least 4 nats over 5 tokens.
    words=_REPEATED,
    long=[user("Write a long story.")],
    long_tokens=24,
    whole=_REPEATED,
    emoji=[user(_EMOJI)],
    draw=_DICE,
    heated=_REPEATED,
    draws=[_DICE],
    series=COUNT,
    second="a b c d e f g h i j",  # gaps of at least 1.1 nats over 7 tokens
    emoji_text=_EMOJI,
    draw_texts=["3 1 4 1 5 2 6 5 3 5 1 4"],
    errand=[user("Switch the light on.")],
    tools=[SWITCH],
    demanded=SWITCH,
)


def is_scripted(tokenizer_dir: str | None) -> bool:
    """Whether the served model is the scripted one, which its tokenizer gives away."""
    file = Path(tokenizer_dir or "") / "tokenizer.json"
    return file.is_file() and file_sha256(file) == SCRIPTED.files[file.name]


def prompts_for(tokenizer_dir: str | None) -> Prompts:
    """The prompts for a model."""
    return scripted() if is_scripted(tokenizer_dir) else GENERAL


def scripted() -> Prompts:
    """The prompts for the scripted model: scripts that it knows by heart, and distributions."""
    known = description()
    entries = {entry["name"]: entry for entry in [*known["scripts"], *known["calibrated"]]}
    # At temperature 1 two samples are the same with probability 0.39**3 / 8**2 / 2**5 / 16.
    draws = [entries[name] for name in ("thirds", "pairs", "coins", "uniform")]
    errand = entries["tools_parallel_mixed"]  # left to itself the model calls two tools
    demanded = errand["tool_calls"][0]["name"]
    return Prompts(
        words=entries["greek_letters"]["messages"],
        long=entries["count"]["messages"],
        long_tokens=600,
        whole=entries["count"]["messages"],
        emoji=entries["echo_emoji"]["messages"],
        draw=entries["thirds"]["messages"],
        heated=entries["thirds"]["messages"],
        draws=[entry["messages"] for entry in draws],
        series=entries["alphabet"]["prompt"],
        second=entries["fox"]["prompt"],
        emoji_text=entries["echo_emoji"]["rendered"],
        draw_texts=[entry["rendered"] for entry in draws],
        errand=errand["messages"],
        tools=errand["tools"],
        demanded=next(t for t in errand["tools"] if t["function"]["name"] == demanded),
    )
