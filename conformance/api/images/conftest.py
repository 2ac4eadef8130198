"""What requirements on images in chats ask with."""

from __future__ import annotations

import pytest

from conformance.api.seeing import Viewer
from conformance.targets.client import Client
from conformance.targets.server import ServerTarget


@pytest.fixture
def viewer(client: Client, target: ServerTarget) -> Viewer:
    """Chats with the target in which images are shown."""
    return Viewer(client, target)
