"""What requirements on the Responses API ask for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from conformance.api.ask import Ask
from conformance.api.optional import Once
from conformance.api.prompts import is_scripted
from conformance.api.responses.asking import Responses
from conformance.api.structured.asking import Question, question_for
from conformance.api.tools.errands import Errand, errand
from conformance.targets.server import ServerTarget


@pytest.fixture(scope="session")
def _once() -> Once:
    return Once()


@pytest.fixture
def responses(ask: Ask, _once: Once) -> Responses:
    """Requests to the Responses API of the target."""
    return Responses(ask.client, ask.model, _once)


@pytest.fixture
def scripted(target: ServerTarget) -> bool:
    """Whether the served model is the scripted one."""
    return is_scripted(target.tokenizer_dir)


@pytest.fixture
def errands(scripted: bool) -> Callable[[str], Errand]:
    """Conversations with tools by name, with the answer where the model is known to give it."""
    return partial(errand, scripted=scripted)


@pytest.fixture
def question(scripted: bool) -> Question:
    """A question that the served model can answer with JSON."""
    return question_for(scripted)
