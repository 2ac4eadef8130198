"""The operations of the target, each and what the target answers to the right request."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.api.wrong.operations import OPERATIONS
from conformance.api.wrong.sending import Sender, said_once

Served = Callable[[str], tuple[Sender, object]]


@pytest.fixture(scope="session")
def _kept() -> dict[str, object]:
    """What each operation's answer to the right request said."""
    return {}


@pytest.fixture
def served(ask: Ask, prompts: Prompts, _kept: dict[str, object]) -> Served:
    """Requests to an operation, and what its answer to the right one says. Raises as `said`."""

    def of(name: str) -> tuple[Sender, object]:
        sender = Sender(ask, prompts, OPERATIONS[name])
        return sender, said_once(sender, _kept)

    return of
