"""Requirements on a runner's distribution by one way, beside its own by another."""

from __future__ import annotations

import pytest

from conformance.requirements import MUST, SHOULD, requirement
from conformance.runner import expect
from conformance.runner.measured import Measured
from conformance.targets.runners.contract import Way

KERNELS = "vLLM on an H100: all of its kernels in one dtype, in all batches, chunks and caches"
STEADY = "vLLM on an H100: one configuration with itself, in other batches, chunks and caches"
CAUSE = "The distribution depends on how the tokens came in"
STEADY_CAUSE = "Rounding depends on how the tokens came in, more than in production"


@requirement("runner/itself/decode", MUST, source=KERNELS, profiles=("numerics",))
def test_decode(measured: Measured) -> None:
    """Decoding over a KV cache MUST change a distribution no more than another kernel would.

    A model that departs from production may still be one model: what it read in one pass and what
    it said itself have to be the same to it.
    """
    expect.inside(measured.compared_with_itself(Way.DECODE), CAUSE)


@requirement("runner/itself/chunked-prefill", MUST, source=KERNELS, profiles=("numerics",))
def test_chunked_prefill(measured: Measured) -> None:
    """Reading a prompt in chunks MUST change a distribution no more than another kernel would.

    How a server cuts a prompt depends on its load, and an answer must not.
    """
    expect.inside(measured.compared_with_itself(Way.CHUNKS), CAUSE)


@requirement("runner/itself/batch", MUST, source=KERNELS, profiles=("numerics",))
def test_batch(measured: Measured) -> None:
    """Strangers in the batch MUST change a distribution no more than another kernel would.

    What one user is told must not depend on what another asks.
    """
    expect.inside(measured.compared_with_itself(Way.BATCH), CAUSE)


@requirement("runner/itself/prefix-reused", MUST, source=KERNELS, profiles=("numerics",))
def test_prefix_reused(measured: Measured) -> None:
    """A reused prefix MUST change a distribution no more than another kernel would.

    The same question asked twice is answered from the cache the second time.
    """
    expect.inside(measured.compared_with_itself(Way.PREFIX), CAUSE)


@pytest.mark.parametrize("way", [way for way in Way if way is not Way.ONE_PASS])
@requirement("runner/itself/steady", SHOULD, source=STEADY, profiles=("numerics",))
def test_steady(measured: Measured, way: Way) -> None:
    """A way SHOULD change a distribution no more than it does in production.

    There most rows are the same bit for bit, whatever else is in the batch. An engine that chooses
    its kernels by the shape of a step is as near to the function by each, and still gives the same
    user another text at another hour.
    """
    expect.inside(measured.compared_with_itself(way, steady=True), STEADY_CAUSE)
