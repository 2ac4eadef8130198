"""What requirements on sampling ask for."""

from __future__ import annotations

import pytest

from conformance.api.ask import Ask
from conformance.api.sampling.drawing import Drawing
from conformance.api.sampling.judging import Sampling, check_calibrated
from conformance.targets.server import ServerTarget


@pytest.fixture(scope="session")
def _drawing() -> Drawing:
    return Drawing()


@pytest.fixture
def sampling(ask: Ask, target: ServerTarget, _drawing: Drawing) -> Sampling:
    """Draws from the calibrated prompts, which the scripted model alone knows."""
    check_calibrated(target.tokenizer_dir)
    return Sampling(ask, _drawing)
