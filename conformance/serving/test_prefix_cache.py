"""A prompt whose beginning is cached: it is answered as when it is new."""

from __future__ import annotations

from conformance.api.numerics import same
from conformance.api.numerics.session import Numerics
from conformance.requirements import MUST, requirement

NUMERICS = ("numerics",)


@requirement(
    "numerics/prefix-cache/repeated",
    MUST,
    source="vLLM on CUDA: the widest difference between a cold and a cached prefix",
    profiles=NUMERICS,
    alone=True,
)
def test_repeated(numerics: Numerics) -> None:
    """A prompt MUST be answered the second time as the first, also with its own answer after it.

    Positions that are counted anew after a cache hit turn the second turn of every conversation
    into the answer to another question.
    """
    same.when_cached(numerics)


@requirement(
    "numerics/prefix-cache/shared",
    MUST,
    source="vLLM on CUDA: the widest difference between a cold and a cached prefix",
    profiles=NUMERICS,
    alone=True,
)
def test_shared(numerics: Numerics) -> None:
    """A prompt that shares a long beginning with another MUST be answered as it is by itself.

    Every chat of a product begins with the same system prompt; what one person asked must not
    reach the next.
    """
    same.after_a_cousin(numerics)
