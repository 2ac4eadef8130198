"""Prompts that requirements share, and why each of them.

A requirement that compares two greedy answers needs a prompt where the best token is ahead by far:
near ties may fall either way, and that is nobody's fault. The gaps given here are those of
SmolLM2-135M-Instruct in bfloat16; larger models are surer of such texts, not less.
"""

from __future__ import annotations

from typing import Any

Messages = list[dict[str, Any]]

COUNT = "1 2 3 4 5 6 7 8 9 10 11 12 13 14"
"""A legacy prompt that goes on counting: gaps of at least 1.8 nats over 15 tokens."""

LETTERS = "a b c d e f g h i j"
"""A second one, told from the first by its answer: gaps of at least 1.1 nats over 7 tokens."""

DICE_TEXT = "3 1 4 1 5 2 6 5 3 5 1 4"
"""A legacy prompt without a right answer: sampling shows."""

GREETING = "Hi"
"""Chat, where any answer will do. Greeted back in about ten tokens."""

STORY = "Write a long story."
"""Chat, answered with more than 24 tokens."""

EMOJI = "🙂🙃🙂🙃🙂🙃🙂🙃🙂🙃"
"""Answered, by chat and legacy completion, with emoji whose bytes straddle tokens."""


def user(content: str | list[dict[str, str]]) -> dict[str, Any]:
    """A user's message."""
    return {"role": "user", "content": content}


def assistant(content: str) -> dict[str, Any]:
    """A message of the conversation's past that the model said."""
    return {"role": "assistant", "content": content}


def system(content: str) -> dict[str, Any]:
    """A system message."""
    return {"role": "system", "content": content}


COPY: Messages = [
    system("Repeat what the user says."),
    user("apple river stone"),
    assistant("apple river stone"),
    user("window garden silver winter"),
]
"""Answered with its last message, and then ended: gaps of at least 4 nats over 5 tokens."""

DICE: Messages = [
    system("Roll the dice."),
    user("Roll"),
    assistant("3 1 4 1 5 2 6 5 3 5 1 4"),
    user("Roll"),
    assistant("2 6 6 3 1 5 4 4 2 1 3 6"),
    user("Roll"),
]
"""No right answer, and numbers that recur: sampling shows, and so does a penalty of 2."""

SWITCH: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "switch_light",
        "description": "Switches the light on or off.",
        "parameters": {
            "type": "object",
            "properties": {"state": {"type": "string", "enum": ["on", "off"]}},
            "required": ["state"],
            "additionalProperties": False,
        },
    },
}
"""A function whose call is short: one argument with two values."""
