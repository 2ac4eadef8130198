"""Fields of OpenAI's that production takes and ignores."""

from __future__ import annotations

import pytest

from conformance.api import expect, ignored
from conformance.api.ask import Ask
from conformance.api.prompts import GREETING
from conformance.requirements import SHOULD, requirement


@requirement(
    "api/chat/ignored-field",
    SHOULD,
    source="OpenAI chat.completions.create: optional fields; vLLM ignores fields that it lacks",
    profiles=("api",),
    accepts="{field}",
)
@pytest.mark.parametrize("field", ignored.CHAT)
def test_ignored_field(ask: Ask, field: str) -> None:
    """A field of OpenAI's that production ignores SHOULD NOT make a request fail.

    Frameworks send `store`, `metadata` or `service_tier` to every server that speaks OpenAI's
    language; what works in production then fails on the desk before a word was said.
    """
    expect.chat(ask.chat(GREETING, max_tokens=1, **{field: ignored.CHAT[field]}))
