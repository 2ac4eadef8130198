"""Streams in the form that production gives them, with fields that OpenAI's types lack."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from conformance.outcomes import Failed, Silent


def choices(payloads: Sequence[str], index: int = 0) -> list[dict[str, Any]]:
    """One choice's part of each event, as the JSON has it."""
    return [
        choice
        for payload in payloads
        for choice in json.loads(payload).get("choices", [])
        if choice.get("index") == index
    ]


def texts(payloads: Sequence[str]) -> list[str]:
    """The pieces of text, empty ones left out."""
    found = [_text(choice) for choice in choices(payloads)]
    return [text for text in found if text]


def ids(payloads: Sequence[str]) -> list[int] | None:
    """The token ids of all events, or None where no event has any."""
    given = [choice.get("token_ids") for choice in choices(payloads)]
    if not any(given):
        return None
    return [id for each in given for id in each or []]


def gathered(plain: Sequence[str], found: Sequence[str], interval: int, tokens: int) -> None:
    """The same text in fewer pieces: `interval` tokens each but for the first and the last.

    Raises:
        Silent: it comes in as many pieces.
        Failed: the text is another, or the pieces are too many.
    """
    if "".join(plain) != "".join(found):
        raise Failed(
            "A stream in larger pieces has another text",
            expected="".join(plain),
            actual="".join(found),
        )
    most = tokens // interval + 2
    if len(found) <= most:
        return
    if len(found) >= len(plain):
        raise Silent(
            "`stream_interval` is accepted and ignored",
            expected=f"at most {most} pieces",
            actual=f"{len(found)} pieces",
        )
    raise Failed(
        "`stream_interval` gathers fewer tokens", expected=f"at most {most}", actual=len(found)
    )


def _text(choice: dict[str, Any]) -> str:
    delta = choice.get("delta") or {}
    return str(delta.get("content") or choice.get("text") or "")
