"""What requirements on other people's clients ask for."""

from __future__ import annotations

import pytest

from conformance.api.clients.official import Official
from conformance.api.prompts import is_scripted
from conformance.api.structured.asking import Question, question_for
from conformance.outcomes import SuiteError
from conformance.plugin import worker_state
from conformance.targets.client import Client
from conformance.targets.server import ServerTarget


@pytest.fixture
def official(client: Client, target: ServerTarget, request: pytest.FixtureRequest) -> Official:
    """The official clients of the target."""
    state = worker_state(request.config)
    if state is None:
        raise SuiteError("There is no target: pass --base-url or --backend")
    return Official(client, target.model, state.options.api_key())


@pytest.fixture
def scripted(target: ServerTarget) -> bool:
    """Whether the served model is the scripted one."""
    return is_scripted(target.tokenizer_dir)


@pytest.fixture
def question(scripted: bool) -> Question:
    """A question that the served model can answer with JSON."""
    return question_for(scripted)
