"""Greedy text, compared with production's."""

from __future__ import annotations

from conformance.api.ask import Ask
from conformance.api.numerics import texts
from conformance.api.numerics.session import Numerics
from conformance.requirements import MUST, requirement


@requirement(
    "numerics/greedy/text",
    MUST,
    source="Snapshots of vLLM on CUDA: greedy continuations, and its own margins where they part",
    profiles=("numerics",),
)
def test_text(numerics: Numerics, ask: Ask) -> None:
    """Greedy text MUST be production's until a token that production itself was undecided about.

    It needs no logprobs, so it is the least that any server can be held to; what the scripted model
    knows by heart leaves no room at all.
    """
    texts.like_production(numerics, ask)
