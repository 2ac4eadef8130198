"""What requirements on embeddings ask with."""

from __future__ import annotations

import pytest

from conformance.api.vectors import Embedder
from conformance.targets.client import Client
from conformance.targets.server import ServerTarget


@pytest.fixture
def embedder(client: Client, target: ServerTarget) -> Embedder:
    """Requests for embeddings to the target."""
    return Embedder(client, target)
