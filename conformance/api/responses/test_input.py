"""Input items: every way to write a conversation that production takes."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api import optional
from conformance.api.prompts import assistant, user
from conformance.api.responses import changes, judging, reading
from conformance.api.responses.asking import Responses, flat
from conformance.api.tools.errands import TOOLS
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.client import Response

SOURCE = "OpenAI responses.create: input"
API = ("api",)

ADA, NICE, ASKED = "My name is Ada.", "Nice to meet you.", "What is my name?"
"""A conversation that cannot be answered without its first message."""

MEMORY = [user(ADA), assistant(NICE), user(ASKED)]


def _text(kind: str, text: str) -> list[dict[str, Any]]:
    return [{"type": kind, "text": text}]


def _message(content: Any, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content, **more}


def _said(status: str = "completed", text: str = NICE) -> dict[str, Any]:
    """A message of the model's as a response gives it back."""
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return _message(content, "assistant", id="msg_1", status=status)


FORMS: dict[str, list[dict[str, Any]]] = {
    "typed": [_message(ADA), _message(NICE, "assistant"), _message(ASKED)],
    "parts": [
        user(_text("input_text", ADA)),
        assistant(NICE),
        _message(_text("input_text", ASKED)),
    ],
    "output-message": [user(ADA), _said(), user(ASKED)],
}
"""The same conversation in other words. (A message of the model's with parts has to have an id and
a status: the client's types say so, and vLLM refuses it otherwise.)"""


@requirement("api/responses/input-text", MUST, source=SOURCE, profiles=API, honours="input")
def test_input_text(responses: Responses) -> None:
    """A text for `input` MUST be one message of the user's.

    It is how every program begins.
    """
    text = responses.say(ASKED)
    judging.same_conversation(text, responses.say([user(ASKED)]), what="An input that is text")


@requirement("api/responses/input-form", MUST, source=SOURCE, profiles=API, honours="input")
@pytest.mark.parametrize("form", FORMS)
def test_input_form(responses: Responses, form: str) -> None:
    """A conversation MUST be the same prompt in each form that its items can have.

    Clients send back what they were given, with ids, parts and a status; others write the short
    form. A form whose text is lost leaves the model without a part of the conversation.
    """
    judging.same_conversation(
        responses.say(FORMS[form]), responses.say(MEMORY), what=f"An input in the form {form}"
    )


@requirement(
    "api/responses/input-several-parts", MUST, source=SOURCE, profiles=API, honours="input"
)
def test_input_several_parts(responses: Responses) -> None:
    """All parts of a message MUST reach the model.

    A program puts the question into one part and the document into the next.
    """
    parts = [*_text("input_text", "apple river stone"), *_text("input_text", "window garden")]
    changes.longer(
        responses.say([user(parts)]),
        [responses.say([user(parts[:1])]), responses.say([user(parts[1:])])],
        what="A message of two parts",
    )


@requirement(
    "api/responses/input-role",
    MUST,
    source=f"{SOURCE}; vLLM: a developer is the chat template's system",
    profiles=API,
    honours="input",
)
@pytest.mark.parametrize("role", ["system", "developer"])
def test_input_role(responses: Responses, role: str) -> None:
    """A message of the system's or the developer's MUST lead the model as `instructions` do.

    Programs that were written for newer models say `developer`.
    """
    told = "Answer in French."
    judging.same_conversation(
        responses.say([{"role": role, "content": told}, user("Greet me.")]),
        responses.say("Greet me.", instructions=told),
        what=f"An input with a message of the {role}'s",
    )


@requirement(
    "api/responses/input-unfinished",
    SHOULD,
    source="vLLM: a last message whose status is incomplete is gone on with",
    profiles=API,
    honours="input",
)
def test_input_unfinished(responses: Responses) -> None:
    """A last message of the model's that is `incomplete` SHOULD be gone on with, and not answered.

    It is how an answer that was cut is finished, and how a program begins the model's answer for
    it.
    """
    begun = [user("Name five Greek letters."), _said("incomplete", "alpha beta")]
    ended = [begun[0], _said("completed", "alpha beta")]
    changes.gone_on(responses.say(begun), responses.say(ended))


CALL = {
    "type": "function_call",
    "call_id": "call_0",
    "name": "get_weather",
    "arguments": '{"city": "Paris", "unit": "celsius"}',
}
OUTPUT = '{"temperature": 21, "sky": "sunny"}'


def _result(output: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": "call_0", "output": output}


RESULTS: dict[str, list[dict[str, Any]]] = {
    "with-ids": [
        {**CALL, "id": "fc_1", "status": "completed"},
        {**_result(OUTPUT), "id": "fco_1", "status": "completed"},
    ],
    "parts": [CALL, _result(_text("input_text", OUTPUT))],
}


@requirement(
    "api/responses/input-result", MUST, source=f"{SOURCE}: function_call_output", profiles=API,
    honours="input, tools",
)  # fmt: skip
@pytest.mark.parametrize("form", RESULTS)
def test_input_result(responses: Responses, form: str) -> None:
    """A call and its result MUST be taken in each form that its items can have, and be the same to
    the model.

    Agents send everything back that they were given; one item that is refused ends the run.
    """
    asked, tools = user("What is the weather in Paris?"), [flat(tool) for tool in TOOLS]
    plain = responses.send([asked, CALL, _result(OUTPUT)], tools=tools)
    other = responses.send([asked, *RESULTS[form]], tools=tools)
    judging.same_conversation(_offered(other), _offered(plain), what=f"A result in the form {form}")


@requirement(
    "api/responses/input-result-read", MUST, source=f"{SOURCE}: function_call_output", profiles=API,
    honours="input",
)  # fmt: skip
def test_input_result_read(responses: Responses) -> None:
    """The result of a call MUST reach the model.

    A result that is lost is answered with what the model makes up.
    """
    asked, tools = user("What is the weather in Paris?"), [flat(tool) for tool in TOOLS]
    changes.longer(
        _offered(responses.send([asked, CALL, _result(OUTPUT)], tools=tools)),
        [_offered(responses.send([asked, CALL, _result("")], tools=tools))],
        what="A result of a call",
    )


PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg=="
)


@requirement(
    "api/responses/input-image",
    SHOULD,
    source=f"{SOURCE}: input_image; vLLM refuses it for a model without eyes",
    profiles=API,
    accepts="input",
)
def test_input_image(responses: Responses) -> None:
    """An image SHOULD be seen, or the request refused.

    A model that is told nothing of the picture describes one all the same.
    """
    image = {"type": "input_image", "image_url": PIXEL, "detail": "auto"}
    response = responses.send([user([*_text("input_text", ASKED), image])])
    if response.status != 200:
        return changes.refused(response, "An image")
    changes.longer(reading.said(response), [responses.say(ASKED)], what="An image")


def _offered(response: Response) -> reading.Said:
    return reading.said(optional.offered(response, what="A tool"))
