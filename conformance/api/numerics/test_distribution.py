"""The distribution along production's own tokens, compared with production's."""

from __future__ import annotations

from conformance.api.numerics import judging
from conformance.api.numerics.session import Numerics
from conformance.requirements import MUST, requirement

NUMERICS = ("numerics",)


@requirement(
    "numerics/distribution/kl",
    MUST,
    source="Snapshots of vLLM on CUDA: the widest KL divergence between its own configurations",
    profiles=NUMERICS,
)
def test_kl(numerics: Numerics) -> None:
    """The KL divergence from production MUST be within what production's own configurations show.

    A wrong rotary base, a window or soft cap that is ignored leave the text fluent and make the
    server another model; evaluations and samples then differ from production's.
    """
    judging.within(numerics.compared, numerics.client, "kl_mean", "kl_p99", "kl_max")


@requirement(
    "numerics/distribution/logprobs",
    MUST,
    source="Snapshots of vLLM on CUDA: the widest difference of a likely token's log probability",
    profiles=NUMERICS,
)
def test_logprobs(numerics: Numerics) -> None:
    """Log probabilities of likely tokens MUST differ from production's by no more than its own do.

    Classifiers, rerankers and confidence scores read single log probabilities.
    """
    judging.within(numerics.compared, numerics.client, "logprob_p99", "logprob_max")


@requirement(
    "numerics/distribution/favourite",
    MUST,
    source="Snapshots of vLLM on CUDA: the widest margin at which its configurations disagree",
    profiles=NUMERICS,
)
def test_favourite(numerics: Numerics) -> None:
    """The likeliest token MUST be production's, or one that production held for nearly as likely.

    It is what greedy decoding says; ties may fall either way.
    """
    judging.favourite(numerics.compared, numerics.client)


@requirement(
    "numerics/distribution/position",
    MUST,
    source="Snapshots of vLLM on CUDA: the widest KL divergence at positions of each size",
    profiles=NUMERICS,
)
def test_position(numerics: Numerics) -> None:
    """The end of a long prompt MUST be as near to production as its beginning.

    A wrong rotary base or a wrong window grows with distance: the first lines are right, and
    whoever summarises a document gets nonsense.
    """
    judging.steady(numerics.compared, numerics.client)
