"""Requirements on the models that a runner loads."""

from __future__ import annotations

from conformance.requirements import SHOULD, requirement
from conformance.runner.measured import Measured


@requirement(
    "runner/models/loads",
    SHOULD,
    source="Checkpoints as transformers saves them; vLLM's list of supported models",
    profiles=("numerics",),
)
def test_loads(measured: Measured) -> None:
    """A runner SHOULD load each architecture that production serves.

    A platform team chooses a model for its CUDA servers, and finds out on the Macs. What is not
    loaded is not held against the runner elsewhere: its other requirements on this model say
    UNSUPPORTED, at the level SHOULD.
    """
    measured.loaded()
