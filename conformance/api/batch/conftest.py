"""What requirements on batches ask for."""

from __future__ import annotations

import pytest

from conformance.api.ask import Ask
from conformance.api.batch.asking import Batches
from conformance.api.extensions import thinking
from conformance.api.extensions.thinking import Thought
from conformance.targets.server import ServerTarget


@pytest.fixture
def batches(ask: Ask) -> Batches:
    """Conversations in one request and in one each."""
    return Batches(ask)


@pytest.fixture
def thought(ask: Ask, target: ServerTarget) -> Thought:
    """A question that the served model thinks about."""
    return thinking.thought(ask, target.tokenizer_dir)
