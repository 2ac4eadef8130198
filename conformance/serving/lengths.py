"""Prompts of exactly so many tokens."""

from __future__ import annotations

from conformance.api import answers
from conformance.api.ask import Ask
from conformance.outcomes import Inconclusive

WORD = " a"
_SIZES = (50, 51, 90)


def prompt_of(ask: Ask, tokens: int) -> str:
    """A legacy prompt that the target counts as so many tokens.

    Raises:
        Inconclusive: no such prompt can be made of one word.
    """
    counted = [
        answers.completion(ask.complete(WORD * size, max_tokens=1)).usage.prompt_tokens
        for size in _SIZES
    ]
    more = counted[0] - _SIZES[0]
    if [size + more for size in _SIZES] != counted:
        raise Inconclusive(
            f"{WORD!r} is not one token each time, so that no prompt of {tokens} tokens is known",
            actual=counted,
        )
    return WORD * (tokens - more)
