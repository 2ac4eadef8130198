"""What requirements on /audio ask with."""

from __future__ import annotations

import pytest

from conformance.api.hearing import Listener
from conformance.targets.client import Client
from conformance.targets.server import ServerTarget


@pytest.fixture
def listener(client: Client, target: ServerTarget) -> Listener:
    """Requests that send a sound to the target."""
    return Listener(client, target)
