"""Requests that are wrong anywhere: no request takes a server down."""

from __future__ import annotations

import pytest

from conformance.api.wrong import anywhere
from conformance.api.wrong.conftest import Served
from conformance.requirements import MUST, requirement


@pytest.mark.parametrize("operation", anywhere.RICH)
@requirement(
    "api/wrong/anywhere",
    MUST,
    source="RFC 9110, sections 15.5 and 15.6; OpenAI API reference: error codes",
    profiles=("api",),
    refuses="{operation}:",
)
def test_anywhere(served: Served, operation: str) -> None:
    """Whatever stands anywhere in a request, it MUST be answered or refused, and never with a fault
    of the server's; the next right request is answered as before.

    Programs write what nobody foresaw. A 500 is retried for ever, and a worker that dies takes
    everybody else's answers with it.
    """
    anywhere.judge(*served(operation))
