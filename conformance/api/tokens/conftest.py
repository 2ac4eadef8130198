"""What requirements on tokens ask for."""

from __future__ import annotations

import pytest

from conformance.api.tokens.asking import Tokens
from conformance.targets.client import Client
from conformance.targets.server import ServerTarget


@pytest.fixture
def tokens(client: Client, target: ServerTarget) -> Tokens:
    """The target's own tokenizer."""
    return Tokens(client, target.model)
