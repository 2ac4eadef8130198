"""What requirements on Anthropic-style messages ask for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from conformance.api.ask import Ask
from conformance.api.messages.asking import MessagesApi
from conformance.api.optional import Once
from conformance.api.prompts import is_scripted
from conformance.api.structured.asking import Question, question_for
from conformance.api.tools.errands import Errand, errand
from conformance.targets.server import ServerTarget


@pytest.fixture(scope="session")
def _once() -> Once:
    return Once()


@pytest.fixture
def messages(ask: Ask, _once: Once) -> MessagesApi:
    """Anthropic-style requests to the target."""
    return MessagesApi(ask.client, ask.model, _once)


@pytest.fixture
def errands(target: ServerTarget) -> Callable[[str], Errand]:
    """Conversations with tools by name, with the answer where the model is known to give it."""
    return partial(errand, scripted=is_scripted(target.tokenizer_dir))


@pytest.fixture
def question(target: ServerTarget) -> Question:
    """A question that the served model can answer with JSON."""
    return question_for(is_scripted(target.tokenizer_dir))
