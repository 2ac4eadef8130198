"""What a check comes to as a whole: the kind of judgement, and every word that a person reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conformance.outcomes import Judgement


@dataclass(frozen=True)
class Said:
    """A judgement; `cause` where it is not the first sentence of the message."""

    kind: type[Judgement]
    message: str
    expected: str | None = None
    actual: str | None = None
    cause: str | None = None


def said(check: Callable[[], object]) -> Said | None:
    """What a check raised; None if nothing."""
    try:
        check()
    except Judgement as found:
        own = found.cause if found.cause != type(found)(found.message).cause else None
        return Said(type(found), found.message, found.expected, found.actual, own)
    return None
