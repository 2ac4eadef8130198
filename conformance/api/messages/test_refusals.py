"""Messages that cannot be answered: refused, and in whose words."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api import expect, invalid
from conformance.api.messages import reading
from conformance.api.messages.asking import COUNT, PATH, MessagesApi
from conformance.api.prompts import GREETING, user
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.client import Response
from conformance.targets.server import ServerTarget

SOURCE = "Anthropic POST /v1/messages"
COUNTED = "/v1/messages/count_tokens"
API = ("api",)

FIELDS: dict[str, dict[str, Any]] = {
    "max-tokens-zero": {"max_tokens": 0},
    "tool-without-name": {"tool_choice": {"type": "tool"}},
    "role": {"messages": [{"role": "robot", "content": "Hi"}]},
}
"""Wrong by themselves."""

LATER: dict[str, dict[str, Any]] = {
    "no-messages": {"messages": []},
    "temperature-negative": {"temperature": -1},
    "tool-not-offered": {
        "tools": [{"name": "report", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "tool", "name": "nowhere"},
    },
}
"""Wrong for the model or the rest of the request, which vLLM finds later."""


@requirement(
    "api/messages/refused",
    MUST,
    source=f"{SOURCE}: 400; vLLM names wrong fields in OpenAI's words",
    profiles=API,
    refuses={case: f"/v1/messages:; {', '.join(wrong)}" for case, wrong in FIELDS.items()},
)
@pytest.mark.parametrize("case", FIELDS)
def test_refused(messages: MessagesApi, case: str) -> None:
    """A message that cannot be answered as it stands MUST be refused with 400, and an error that
    says why.

    An answer to another question than the one that was asked is taken for the right one.
    """
    reading.refused(wrong(messages, FIELDS[case]), what=case)


@requirement(
    "api/messages/refused-later",
    SHOULD,
    source=f"{SOURCE}: 400; vLLM 0.32, and 0.27 answers 500",
    profiles=API,
    refuses={case: ", ".join(wrong) for case, wrong in LATER.items()},
)
@pytest.mark.parametrize("case", LATER)
def test_refused_later(messages: MessagesApi, case: str) -> None:
    """A message that this model, or the rest of the request, does not allow SHOULD be refused with
    400, and an error that says why.

    Clients ask again after a 500, for nothing.
    """
    reading.refused(wrong(messages, LATER[case]), what=case)


def wrong(messages: MessagesApi, changes: dict[str, Any]) -> Response:
    """The response to a request for one token, with changes that make it wrong."""
    messages.say(GREETING)  # where the API is not served at all, this says so
    body: dict[str, Any] = {"model": messages.model, "max_tokens": 1, "messages": [user(GREETING)]}
    return messages.client.post(PATH, {**body, **changes}, timeout_s=invalid.REFUSAL_TIMEOUT_S)


@requirement(
    "api/messages/unknown-model",
    MUST,
    source=f"{SOURCE}: model; not_found_error, 404",
    profiles=API,
    refuses={"message": "model", "count": f"{COUNTED}:; {COUNTED}: model"},
)
@pytest.mark.parametrize("path", [PATH, COUNT], ids=["message", "count"])
def test_unknown_model(messages: MessagesApi, path: str) -> None:
    """A model that is not served MUST be refused with 404.

    Agents ask for Anthropic's models by name until they are told of another.
    """
    messages.say(GREETING)
    body: dict[str, Any] = {"model": "no-such-model", "messages": [user(GREETING)]}
    body |= {"max_tokens": 1} if path == PATH else {}
    reading.refused(messages.client.post(path, body), what="An unknown model", statuses={404})


@requirement(
    "api/messages/error-form",
    SHOULD,
    source=f"{SOURCE}: errors; vLLM has them for all but wrong fields",
    profiles=API,
    refuses="model",
)
def test_error_form(messages: MessagesApi) -> None:
    """A refusal SHOULD be of Anthropic's form, an object of type `error`.

    The official client reads `error.message` and `error.type` there.
    """
    reading.anthropic_error(wrong(messages, {"model": "no-such-model"}))


@requirement(
    "api/messages/too-long",
    SHOULD,
    source=f"{SOURCE}: invalid_request_error; vLLM 0.32: 400, and 0.27 answers 500",
    profiles=API,
    refuses="messages",
)
def test_too_long(messages: MessagesApi, target: ServerTarget) -> None:
    """A conversation that is longer than the context SHOULD be refused.

    Agents then cut it themselves; one that is cut without a word loses its instructions.
    """
    messages.say(GREETING)
    asked = invalid.too_long(invalid.context_length(target))
    reading.refused(wrong(messages, {"messages": asked}), what="A conversation that is too long")


PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


@requirement(
    "api/messages/image",
    SHOULD,
    source=f"{SOURCE}: image; vLLM refuses it for a model without eyes",
    profiles=API,
    refuses="messages",
)
def test_image(messages: MessagesApi) -> None:
    """An image SHOULD be seen, or the request refused.

    A model that is told nothing of the picture describes one all the same.
    """
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content = [{"type": "image", "source": source}, {"type": "text", "text": GREETING}]
    response = messages.send([{"role": "user", "content": content}])
    if response.status != 200:
        return reading.refused(response, what="An image", statuses=expect.REFUSALS)
    reading.sees(reading.said(response), messages.say(GREETING))
