"""What a server shows of its distribution."""

from __future__ import annotations

from conformance.api.numerics import judging
from conformance.api.numerics.session import Numerics
from conformance.requirements import MUST, requirement


@requirement(
    "numerics/evidence/logprobs",
    MUST,
    source="OpenAI completions.create: logprobs; chat.completions.create: top_logprobs; "
    "vLLM prompt_logprobs",
    profiles=("numerics", "numerics-quantized"),
)
def test_logprobs(numerics: Numerics) -> None:
    """The server MUST show the log probabilities of its tokens, wherever it is asked for them.

    Fluent text hides a model that computes something else; only the distribution shows it.
    """
    judging.offered(numerics.evidence, numerics.client)
