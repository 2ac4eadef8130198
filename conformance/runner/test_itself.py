"""Requirements on a runner's distribution by one way, beside its own by another."""

from __future__ import annotations

from conformance.requirements import MUST, requirement
from conformance.runner import expect
from conformance.runner.measured import Measured
from conformance.targets.runners.contract import Way

SOURCE = "vLLM on an H100: one configuration with itself, in other batches, chunks and caches"
CAUSE = "The distribution depends on how the tokens came in"


@requirement("runner/itself/decode", MUST, source=SOURCE, profiles=("numerics",))
def test_decode(measured: Measured) -> None:
    """Decoding over a KV cache MUST change a distribution no more than it does in production.

    The band for it is narrower than the one around production: kernels and dtype stay the same.
    """
    expect.inside(measured.compared_with_itself(Way.DECODE), CAUSE)


@requirement("runner/itself/chunked-prefill", MUST, source=SOURCE, profiles=("numerics",))
def test_chunked_prefill(measured: Measured) -> None:
    """Reading a prompt in chunks MUST change a distribution no more than it does in production.

    How a server cuts a prompt depends on its load, and an answer must not.
    """
    expect.inside(measured.compared_with_itself(Way.CHUNKS), CAUSE)


@requirement("runner/itself/batch", MUST, source=SOURCE, profiles=("numerics",))
def test_batch(measured: Measured) -> None:
    """Strangers in the batch MUST change a distribution no more than they do in production.

    What one user is told must not depend on what another asks.
    """
    expect.inside(measured.compared_with_itself(Way.BATCH), CAUSE)


@requirement("runner/itself/prefix-reused", MUST, source=SOURCE, profiles=("numerics",))
def test_prefix_reused(measured: Measured) -> None:
    """A reused prefix MUST change a distribution no more than it does in production.

    The same question asked twice is answered from the cache the second time.
    """
    expect.inside(measured.compared_with_itself(Way.PREFIX), CAUSE)
