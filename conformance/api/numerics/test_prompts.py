"""A prompt as text, and as token ids."""

from __future__ import annotations

from conformance.api.numerics import same
from conformance.api.numerics.session import Numerics
from conformance.requirements import SHOULD, requirement


@requirement(
    "numerics/prompts/text-and-ids",
    SHOULD,
    source="OpenAI completions.create: prompt, a string or an array of tokens",
    profiles=("numerics",),
)
def test_text_and_ids(numerics: Numerics) -> None:
    """A prompt as text SHOULD be answered as the same prompt in token ids.

    A start token added twice, or left out, bends every answer a little; clients that tokenize
    themselves and clients that do not must talk to the same model.
    """
    same.as_text_and_as_ids(numerics)
