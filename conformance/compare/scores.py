"""Scores of whole texts."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.compare import extensions
from conformance.compare.metamorphic import MARGIN
from conformance.outcomes import Failed


def of_prompt(entries: object, prompt: Sequence[int]) -> list[float]:
    """Each token's own logprob in `prompt_logprobs`, 0 for the first.

    Raises: as `extensions.scored_prompt`.
    """
    extensions.scored_prompt(entries, prompt, 0)
    assert isinstance(entries, list)
    own = [each[str(id)]["logprob"] for id, each in zip(prompt[1:], entries[1:], strict=True)]
    return [0.0, *own]


def grown(long: float, short: float, own: float, tokens: int) -> None:
    """The logprob of a text and its continuation is the text's and the continuation's.

    Each of the text's tokens is computed twice, and may differ by `MARGIN` at most; errors of
    either sign add up like their square root.

    Raises:
        Failed: it is not.
    """
    slack = MARGIN * float(tokens) ** 0.5
    if abs(long - short - own) > slack:
        raise Failed(
            "The logprob of a continued text is not the sum of both parts'",
            expected=f"{short + own:.3f} ± {slack:.2f}",
            actual=f"{long:.3f}",
        )
