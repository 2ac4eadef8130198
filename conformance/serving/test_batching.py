"""One request among others: the distribution does not depend on who else is served."""

from __future__ import annotations

from conformance.api.numerics import same
from conformance.api.numerics.session import Numerics
from conformance.requirements import MUST, requirement

NUMERICS = ("numerics",)


@requirement(
    "numerics/batching/strangers",
    MUST,
    source="vLLM on CUDA: the widest difference between its own batches of one configuration",
    profiles=NUMERICS,
    alone=True,
)
def test_strangers(numerics: Numerics) -> None:
    """A prompt MUST be answered among strangers as it is alone, as far as production's batches do.

    A kernel that is wrong for more than one row, or for rows of unequal length, answers one person
    with a mixture of everybody's text, and no test of single requests ever sees it.
    """
    same.among_strangers(numerics)


@requirement(
    "numerics/batching/repeatable",
    MUST,
    source="vLLM on CUDA: the widest difference between its own batches of one configuration",
    profiles=NUMERICS,
    alone=True,
)
def test_repeatable(numerics: Numerics) -> None:
    """The same request, sent again to an idle server, MUST show the same log probabilities.

    State that is left over from the first request, or memory that was never written, shows here.
    """
    same.when_repeated(numerics)
