"""What requirements on vLLM's own parameters ask for."""

from __future__ import annotations

import pytest

from conformance.api.ask import Ask
from conformance.api.extensions import thinking
from conformance.api.extensions.thinking import Thought
from conformance.api.extensions.ways import Ways
from conformance.api.sampling.judging import check_calibrated
from conformance.compare.tokens import Tokenizer
from conformance.targets.server import ServerTarget


@pytest.fixture
def ways(ask: Ask, tokenizer: Tokenizer) -> Ways:
    """Conversations, as chat and as the completion of their prompts."""
    return Ways(ask, tokenizer)


@pytest.fixture
def thought(ask: Ask, target: ServerTarget) -> Thought:
    """A question that the served model thinks about."""
    return thinking.thought(ask, target.tokenizer_dir)


@pytest.fixture
def calibrated(target: ServerTarget) -> None:
    """The served model knows the calibrated prompts; without that, INCONCLUSIVE."""
    check_calibrated(target.tokenizer_dir)
