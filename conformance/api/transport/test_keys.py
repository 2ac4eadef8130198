"""API keys: asked for where one is needed, and no obstacle where none is."""

from __future__ import annotations

import pytest

from conformance.api import expect
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.api.transport.usual import CHAT, Usual
from conformance.outcomes import Absent
from conformance.requirements import MUST, requirement

API = ("api",)
CREATE = "chat.completions.create:"
ERRORS = "OpenAI error codes: 401; vLLM: --api-key"

KEYS = {
    "none": {},
    "wrong": {"Authorization": "Bearer maccord-wrong"},
    "empty": {"Authorization": "Bearer"},
    "basic": {"Authorization": "Basic bWFjY29yZDp3cm9uZw=="},
}
"""Headers without the right key."""


@pytest.mark.parametrize("key", KEYS)
@requirement(
    "api/transport/key-refused",
    MUST,
    source=ERRORS,
    profiles=API,
    refuses=CREATE,
)
def test_key_refused(ask: Ask, prompts: Prompts, key: str) -> None:
    """Where a key is needed, a request without the right one MUST be refused with 401 and JSON.

    Clients ask the person for a key when they see 401, and only then. (vLLM's error there is no
    OpenAI error.)
    """
    if not ask.client.credentials:
        raise Absent(
            "The target needs no key: one that was started with a key (--api-key-env) would decide",
            cause="The target needs no key",
        )
    usual = Usual.asked(ask, prompts)
    response = ask.client.without_key().post(CHAT, usual.body, headers=KEYS[key])
    expect.status(response, 401)
    expect.json_object(response)


@pytest.mark.parametrize("key", ["none", "wrong", "empty"])
@requirement(
    "api/transport/key-not-needed",
    MUST,
    source="vLLM",
    profiles=API,
    accepts=CREATE,
)
def test_key_not_needed(ask: Ask, prompts: Prompts, key: str) -> None:
    """Where no key is needed, a request MUST be answered whatever key it carries.

    OpenAI's clients refuse to start without one, and people write anything there.
    """
    usual = Usual.asked(ask, prompts)
    headers = {} if ask.client.credentials else KEYS[key]
    usual.is_answer(ask.client.post(CHAT, usual.body, headers=headers))
