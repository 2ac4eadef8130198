"""Requirements on runners that compute in float32, beside float64 on a CPU."""

from __future__ import annotations

import pytest

from conformance.compare import goldens
from conformance.requirements import MUST, requirement
from conformance.runner import expect
from conformance.runner.measured import Measured
from conformance.targets.runners.contract import Way

SOURCE = "PyTorch in float64, recorded in fixtures/goldens; Higham, Accuracy and Stability, ch. 3"


@pytest.mark.float32
@requirement("runner/goldens/prompts", MUST, source=SOURCE, profiles=("numerics",))
def test_prompts(measured: Measured) -> None:
    """A runner in float32 MUST compute every prompt of the goldens as exactly as float32 can.

    Production's band is that of bfloat16 and GPUs. In float32 a backend can show that its model is
    the right function to four digits more, and a mistake that hides in bfloat16 does not.
    """
    expect.exact(goldens.distance(measured.golden, measured.seen_of_golden(Way.ONE_PASS)))


@pytest.mark.float32
@pytest.mark.parametrize("way", [way for way in Way if way is not Way.ONE_PASS])
@requirement("runner/goldens/ways", MUST, source=SOURCE, profiles=("numerics",))
def test_ways(measured: Measured, way: Way) -> None:
    """A runner in float32 MUST be as exact over its caches and in its batches.

    A KV cache in fewer bits than the model's, or padding that leaks a little, is seen here first.
    """
    expect.exact(goldens.distance(measured.golden, measured.seen_of_golden(way)))
