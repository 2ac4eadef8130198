"""What requirements on /classify ask with."""

from __future__ import annotations

import pytest

from conformance.api.scores import Asker
from conformance.targets.client import Client
from conformance.targets.server import ServerTarget


@pytest.fixture
def asker(client: Client, target: ServerTarget) -> Asker:
    """Requests at the root of the target."""
    return Asker(client, target)
