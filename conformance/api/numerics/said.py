"""What a server said, held against production's tokens, where only its text is known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.compare.tokens import Tokenizer
from fixtures.snapshots import Recorded, noise

UNKNOWN = -1
"""A token that nobody can tell from the text."""

_CUT = "\N{REPLACEMENT CHARACTER}"


def tokens(text: str, production: Recorded, tokenizer: Tokenizer) -> list[int]:
    """The text as production's own tokens, up to the first that it cannot have been.

    There stands the token that production held for likeliest of those that the text allows: a text
    can be made of tokens in several ways, and the kindest is assumed. `UNKNOWN` if none fits.
    """
    length = production.prompt_length
    expected = [int(token) for token in production.token_ids[length:]]
    if text.rstrip(_CUT) == _text(expected, tokenizer) or not expected:
        return expected
    candidates = list(_departures(text, production, expected, tokenizer))
    if not candidates:
        return [*expected[: _shared(text, expected, tokenizer)], UNKNOWN]
    _, place, token = min(candidates)
    return [*expected[:place], token]


def _departures(
    text: str, production: Recorded, expected: list[int], tokenizer: Tokenizer
) -> Iterator[tuple[float, int, int]]:
    """Margin, place and token of every first departure that the text allows."""
    for place in range(_shared(text, expected, tokenizer) + 1):
        if place == len(expected):
            return
        position = production.prompt_length + place - 1
        row = noise.at(production, np.array([position]))
        before = _text(expected[:place], tokenizer)
        for rank, token in enumerate(row.top_ids[0]):
            said = _text([*expected[:place], int(token)], tokenizer)
            ends = int(token) in tokenizer.special_ids and said == before == text
            if token != expected[place] and (ends or len(said) > len(before)):
                margin = float(row.top_logits[0, 0] - row.top_logits[0, rank])
                if ends or text.startswith(said):
                    yield margin, place, int(token)


def _shared(text: str, expected: list[int], tokenizer: Tokenizer) -> int:
    """How many of production's tokens the text begins with."""
    for place in range(len(expected)):
        whole = _text(expected[: place + 1], tokenizer)
        ends = whole == _text(expected[:place], tokenizer) and expected[place] in (
            tokenizer.special_ids
        )
        if not text.startswith(whole) or (ends and text != whole):
            return place
    return len(expected)


def _text(ids: list[int], tokenizer: Tokenizer) -> str:
    """Without special tokens, and without a character that is cut."""
    return tokenizer.decode(ids).rstrip(_CUT)
