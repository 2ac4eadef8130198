"""Operations of OpenAI's API that production does not serve."""

from __future__ import annotations

import pytest

from conformance.api import unserved
from conformance.requirements import MUST, requirement
from conformance.targets.client import Client
from conformance.targets.server import ServerTarget


@requirement(
    "api/unserved/operation",
    MUST,
    source="OpenAI's published OpenAPI description; vLLM 0.32 answers 404, or 405 where the path "
    "has another operation",
    profiles=("api",),
    refuses="{operation}:",
)
@pytest.mark.parametrize("operation", unserved.OPERATIONS)
def test_unserved(client: Client, target: ServerTarget, operation: str) -> None:
    """An operation that the target does not serve MUST be refused with 404, 405 or 501 and an
    error, and never with success, a fault of the server's or silence.

    Programs try what a server can do and fall back where it cannot. A 200 with something made up
    is taken for a stored file, a finished batch, a deleted key; a 500 is retried for ever. (That
    errors are JSON is `api/transport/unknown-route-json`.)
    """
    asked = unserved.OPERATIONS[operation]
    unserved.refused(unserved.ask_for(client, target.model, asked), asked)
