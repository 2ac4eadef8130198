"""What requirements on structured output ask for."""

from __future__ import annotations

import pytest

from conformance.api.ask import Ask
from conformance.api.prompts import is_scripted
from conformance.api.structured.asking import Constrained, question_for
from conformance.targets.server import ServerTarget


@pytest.fixture
def constrained(ask: Ask, target: ServerTarget) -> Constrained:
    """Requests with a constraint, of a question that the served model understands."""
    return Constrained(ask, question_for(is_scripted(target.tokenizer_dir)))
