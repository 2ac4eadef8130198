"""What requirements on /v2/embed ask with."""

from __future__ import annotations

import pytest

from conformance.api.pooled import Pooler
from conformance.targets.client import Client
from conformance.targets.server import ServerTarget


@pytest.fixture
def pooler(client: Client, target: ServerTarget) -> Pooler:
    """Requests to vLLM's own operations that give vectors."""
    return Pooler(client, target)
