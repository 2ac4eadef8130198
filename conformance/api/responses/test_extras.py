"""What vLLM has beside OpenAI's fields, what production passes over, and what it refuses."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from conformance.api import expect, invalid
from conformance.api.ask import Ask
from conformance.api.prompts import GREETING, Prompts, user
from conformance.api.responses import changes, ignored
from conformance.api.responses.asking import PATH, Responses, flat
from conformance.api.tools.errands import LIGHT
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.server import ServerTarget

SOURCE = "OpenAI responses.create"
VLLM = "vLLM's ResponsesRequest"
API = ("api",)


@requirement(
    "api/responses/ignored-field",
    SHOULD,
    source=f"{SOURCE}: optional fields; {VLLM} ignores fields that it lacks",
    profiles=API,
    accepts="{field}",
)
@pytest.mark.parametrize("field", ignored.OPENAI)
def test_ignored_field(responses: Responses, field: str) -> None:
    """A field of OpenAI's that changes no answer of production's SHOULD NOT make a request fail.

    Frameworks send them to every server that speaks OpenAI's language.
    """
    changes.unchanged(responses, {field: ignored.OPENAI[field]})


@requirement(
    "api/responses/vllm-field",
    SHOULD,
    source=f"{VLLM}: fields that change no answer of one server alone",
    profiles=API,
    accepts="{field}",
)
@pytest.mark.parametrize("field", ignored.VLLM)
def test_vllm_field(responses: Responses, field: str) -> None:
    """A field of vLLM's own that changes no answer SHOULD NOT make a request fail.

    Programs that were written for production send them.
    """
    changes.unchanged(responses, {field: ignored.VLLM[field]})


@requirement(
    "api/responses/request-id",
    SHOULD,
    source=f"{VLLM}: request_id",
    profiles=API,
    honours="request_id",
)
def test_request_id(responses: Responses) -> None:
    """vLLM's own `request_id` SHOULD be the id of the response.

    It ties the logs of a gateway to those of the server.
    """
    mine = f"resp_{uuid4().hex}"
    changes.has_id(responses.say(GREETING, request_id=mine, anew=True), mine)


@requirement(
    "api/responses/cache-salt",
    SHOULD,
    source=f"{VLLM}: cache_salt",
    profiles=API,
    honours="cache_salt",
)
def test_cache_salt(responses: Responses) -> None:
    """With a `cache_salt` of its own a prompt SHOULD be answered as ever, and not from the cache of
    others.

    How fast an answer comes would otherwise tell one customer what another asked.
    """
    asked = [user("Say yes. " * 40)]
    first = responses.say(asked, anew=True, cache_salt=uuid4().hex)
    salt = uuid4().hex
    other = responses.say(asked, anew=True, cache_salt=salt)
    again = responses.say(asked, anew=True, cache_salt=salt)
    changes.salted(first, other, again)


@requirement(
    "api/responses/messages",
    SHOULD,
    source=f"{VLLM}: enable_response_messages",
    profiles=API,
    honours="enable_response_messages",
)
def test_messages(responses: Responses, prompts: Prompts) -> None:
    """With `enable_response_messages` a response SHOULD carry the tokens of its prompt and answer.

    Whoever trains on a model's answers needs the tokens and not their text.
    """
    said = responses.say(prompts.words, enable_response_messages=True)
    changes.tokens_told(said)


@requirement(
    "api/responses/truncation-auto",
    SHOULD,
    source=f"{SOURCE}: truncation auto; vLLM keeps the end of the prompt's tokens",
    profiles=API,
    honours="truncation",
)
def test_truncation_auto(responses: Responses, target: ServerTarget) -> None:
    """With `truncation` auto a prompt that is too long SHOULD be cut and answered.

    Long chats then go on, without their beginning.
    """
    responses.say(GREETING)
    limit = invalid.context_length(target)
    said = responses.say(invalid.too_long(limit), truncation="auto", max_output_tokens=1)
    changes.fits(said, limit)


REFUSED: dict[str, dict[str, Any]] = {
    "unknown-model": {"model": "no-such-model"},
    "empty-input": {"input": []},
    "required-without-tools": {"tool_choice": "required"},
    "unknown-function": {
        "tools": [flat(LIGHT)],
        "tool_choice": {"type": "function", "name": "nowhere"},
    },
    "two-constraints": {
        "text": {"format": {"type": "json_object"}},
        "structured_outputs": {"choice": ["yes"]},
    },
    "prompt-template": {"prompt": {"id": "pmpt_1"}},
    "empty-cache-salt": {"cache_salt": ""},
}


@requirement(
    "api/responses/refused",
    MUST,
    source=f"{SOURCE}; what {VLLM} refuses: an unknown model with 404, all else with 400",
    profiles=API,
    refuses={case: f"responses.create:; {', '.join(wrong)}" for case, wrong in REFUSED.items()},
)
@pytest.mark.parametrize("case", REFUSED)
def test_refused(ask: Ask, responses: Responses, case: str) -> None:
    """A request that cannot be done as it stands MUST be refused, with an OpenAI error.

    An answer to another question than the one that was asked is taken for the right one.
    """
    responses.say(GREETING)  # where the API is not served at all, this says so
    body = {"model": responses.model, "input": GREETING, "max_output_tokens": 1, **REFUSED[case]}
    refused = responses.client.post(PATH, body, timeout_s=invalid.REFUSAL_TIMEOUT_S)
    statuses = {404} if case == "unknown-model" else expect.INVALID
    expect.refused(refused, what=case, statuses=statuses, cause="Wrong responses are answered")


@requirement(
    "api/responses/too-long",
    MUST,
    source=f"{SOURCE}: truncation disabled, by default; vLLM: 400",
    profiles=API,
    refuses={"left-out": "input", "disabled": "input, truncation"},
)
@pytest.mark.parametrize("truncation", ["left-out", "disabled"])
def test_too_long(responses: Responses, target: ServerTarget, truncation: str) -> None:
    """A prompt that is longer than the context MUST be refused, unless `truncation` allows to cut
    it.

    The instructions stand at the beginning; what is cut without a word is what the program relied
    on.
    """
    responses.say(GREETING)
    more = {} if truncation == "left-out" else {"truncation": truncation}
    messages = invalid.too_long(invalid.context_length(target))
    body = {"model": responses.model, "input": messages, "max_output_tokens": 1, **more}
    expect.refused(responses.client.post(PATH, body), what="A prompt that is too long")
