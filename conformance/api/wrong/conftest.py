"""The operations of the target, each asked once in a process whether the target serves it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.api.wrong.operations import OPERATIONS
from conformance.api.wrong.sending import Sender, said
from conformance.outcomes import Judgement

Served = Callable[[str], tuple[Sender, object]]


@pytest.fixture(scope="session")
def _answers() -> dict[str, object]:
    """What each operation's answer to the right request said; the judgement where there is none."""
    return {}


@pytest.fixture
def served(ask: Ask, prompts: Prompts, _answers: dict[str, object]) -> Served:
    """Requests to an operation, and what its answer to the right one says. Raises as `said`."""

    def of(name: str) -> tuple[Sender, object]:
        sender = Sender(ask, prompts, OPERATIONS[name])
        if name not in _answers:
            try:
                _answers[name] = said(sender.right(), sender.operation)
            except Judgement as judgement:
                _answers[name] = judgement
        answer = _answers[name]
        if isinstance(answer, Judgement):
            raise answer
        return sender, answer

    return of
