"""What requirements on sampling ask for."""

from __future__ import annotations

import pytest

from conformance.api.ask import Ask
from conformance.api.prompts import is_scripted
from conformance.api.sampling.drawing import Drawing
from conformance.api.sampling.judging import Sampling, Uncalibrated
from conformance.targets.server import ServerTarget


@pytest.fixture(scope="session")
def _drawing() -> Drawing:
    return Drawing()


@pytest.fixture
def sampling(ask: Ask, target: ServerTarget, _drawing: Drawing) -> Sampling:
    """Draws from the calibrated prompts, which the scripted model alone knows."""
    if not is_scripted(target.tokenizer_dir):
        raise Uncalibrated(
            "The model's own distribution is not known: the model `scripted` would decide",
            cause="The served model has no calibrated prompts",
        )
    return Sampling(ask, _drawing)
