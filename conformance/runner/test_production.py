"""Requirements on a runner's distribution, beside production's on CUDA."""

from __future__ import annotations

from conformance.requirements import MUST, requirement
from conformance.runner import expect
from conformance.runner.measured import Measured
from conformance.targets.runners.contract import Way

SOURCE = "vLLM on an H100, recorded in fixtures/snapshots/cuda, and its distance from itself there"
CAUSE = "The distribution is not production's"


@requirement("runner/production/one-pass", MUST, source=SOURCE, profiles=("numerics",))
def test_one_pass(measured: Measured) -> None:
    """A sequence read in one pass MUST have production's distribution at every position.

    A wrong rope, a dropped window or a missing soft cap leave the text fluent and the favourite
    often right; what users see later is a model that is a little worse and nobody knows why.
    """
    expect.inside(measured.compared(Way.ONE_PASS), CAUSE)


@requirement("runner/production/decode", MUST, source=SOURCE, profiles=("numerics",))
def test_decode(measured: Measured) -> None:
    """A runner with a KV cache MUST have production's distribution one token at a time.

    That is how every answer is made. A cache that is rotated, positioned or windowed wrongly shows
    in long answers only.
    """
    expect.inside(measured.compared(Way.DECODE), CAUSE)


@requirement("runner/production/chunked-prefill", MUST, source=SOURCE, profiles=("numerics",))
def test_chunked_prefill(measured: Measured) -> None:
    """A runner with a KV cache MUST have production's distribution some tokens at a time.

    Servers read long prompts in pieces. A mask that does not know what came before is right for
    every short prompt.
    """
    expect.inside(measured.compared(Way.CHUNKS), CAUSE)


@requirement("runner/production/batch", MUST, source=SOURCE, profiles=("numerics",))
def test_batch(measured: Measured) -> None:
    """A runner with batches MUST have production's distribution among sequences of other lengths.

    Under load nobody is alone: padding that is attended to, or one offset for all rows, makes
    answers depend on who else is asking.
    """
    expect.inside(measured.compared(Way.BATCH), CAUSE)


@requirement("runner/production/prefix-reused", MUST, source=SOURCE, profiles=("numerics",))
def test_prefix_reused(measured: Measured) -> None:
    """A runner that reuses KV of a prefix MUST have production's distribution after it.

    Every turn of a conversation but the first is read this way. Positions that begin again at
    zero, or what another user said after the same prefix, show in no first answer.
    """
    expect.inside(measured.compared(Way.PREFIX), CAUSE)
