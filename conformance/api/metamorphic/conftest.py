"""What metamorphic requirements ask for."""

from __future__ import annotations

import pytest

from conformance.api.ask import Ask
from conformance.api.extensions.ways import Ways
from conformance.api.tokens.asking import Tokens
from conformance.compare.tokens import Tokenizer


@pytest.fixture
def ways(ask: Ask, tokenizer: Tokenizer) -> Ways:
    """Conversations, as chat and as the completion of their prompts."""
    return Ways(ask, tokenizer)


@pytest.fixture
def tokens(ask: Ask) -> Tokens:
    """The target's own tokenizer."""
    return Tokens(ask.client, ask.model)
