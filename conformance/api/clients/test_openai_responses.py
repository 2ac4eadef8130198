"""The official `openai` client's ordinary flows on the Responses API, where it is served."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from conformance.api import answers, optional
from conformance.api.ask import Ask
from conformance.api.clients import flows
from conformance.api.clients.flows import Weather
from conformance.api.clients.official import Official, typed_error
from conformance.api.prompts import GREETING, Prompts
from conformance.api.structured.asking import Question
from conformance.requirements import MUST, requirement

RESPONSES = "The Responses API"
SOURCE = "openai-python 3: responses"
CREATE = "responses.create"
API = ("api",)
ASKED: dict[str, Any] = {"temperature": 0, "max_output_tokens": 16}


@requirement(
    "api/clients/openai-responses", MUST, source=f"{SOURCE}.create", profiles=API,
    honours=f"{CREATE}: input",
)  # fmt: skip
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_openai_responses(
    ask: Ask, official: Official, prompts: Prompts, asynchronous: bool
) -> None:
    """The `output_text` of the client's response MUST be the answer that a chat gives.

    The client puts it together from the items of the response.
    """
    asked: dict[str, Any] = {"model": official.model, "input": prompts.words, **ASKED}

    async def create() -> Any:
        return await official.async_openai().responses.create(**asked)

    if asynchronous:
        response = official.run(create, optional=RESPONSES)
    else:
        with official.judged(optional=RESPONSES):
            response = official.openai().responses.create(**asked)
    flows.same_text(response.output_text, answers.chat(ask.chat(prompts.words, max_tokens=16)).text)


@requirement(
    "api/clients/openai-responses-stream", MUST, source=f"{SOURCE}.stream", profiles=API,
    honours=f"{CREATE}: stream",
)  # fmt: skip
@pytest.mark.parametrize("flow", ["events", "helper", "async-helper"])
def test_openai_responses_stream(official: Official, prompts: Prompts, flow: str) -> None:
    """The client's stream MUST come to a final response, with the text of its deltas.

    The helper adds the events up itself: one that belongs to no item that was added ends it.
    """
    asked: dict[str, Any] = {"model": official.model, "input": prompts.words, **ASKED}

    async def helped() -> Any:
        async with official.async_openai().responses.stream(**asked) as stream:
            events = [event async for event in stream]
            return events, await stream.get_final_response()

    if flow == "async-helper":
        events, final = official.run(helped, optional=RESPONSES)
    else:
        with official.judged(optional=RESPONSES):
            client = official.openai()
            if flow == "helper":
                with client.responses.stream(**asked) as stream:
                    events = list(stream)
                    final = stream.get_final_response()
            else:
                events = list(client.responses.create(**asked, stream=True))
                final = events[-1].response
    flows.same_text(flows.deltas(events), final.output_text)


@requirement(
    "api/clients/openai-responses-parse", MUST, source=f"{SOURCE}.parse", profiles=API,
    honours=f"{CREATE}: text",
)  # fmt: skip
def test_openai_responses_parse(official: Official, question: Question) -> None:
    """`responses.parse` MUST come to an object of the class that it was given.

    It is how programs ask for data.
    """
    asked: dict[str, Any] = {"model": official.model, "input": question.chat, "temperature": 0}
    extra = {"frequency_penalty": question.defaults["frequency_penalty"]}
    with official.judged(optional=RESPONSES):
        response = official.openai().responses.parse(
            **asked, max_output_tokens=300, text_format=Weather, extra_body=extra
        )
    flows.is_a(response.output_parsed, Weather)


@requirement(
    "api/clients/openai-responses-tools", MUST, source=f"{SOURCE}.parse, tools", profiles=API,
    honours=f"{CREATE}: tools, tool_choice",
)  # fmt: skip
def test_openai_responses_tools(official: Official, question: Question) -> None:
    """A tool that is made of a class MUST be called with arguments that parse to it.

    The client parses the arguments of strict tools itself.
    """
    function = openai.pydantic_function_tool(Weather, name="report_weather")["function"]
    asked: dict[str, Any] = {"model": official.model, "input": question.chat, "temperature": 0}
    extra = {"frequency_penalty": question.defaults["frequency_penalty"]}
    tools: list[Any] = [{"type": "function", **function}]
    optional.tools(official.client, official.model)
    with official.judged(optional=RESPONSES):
        response = official.openai().responses.parse(
            **asked, max_output_tokens=300, tools=tools, tool_choice="required", extra_body=extra
        )
    flows.item_called(response.output, set(Weather.model_fields))


@requirement(
    "api/clients/openai-responses-raw", MUST, source=f"{SOURCE}.with_raw_response", profiles=API,
    honours=f"{CREATE}: input",
)  # fmt: skip
def test_openai_responses_raw(official: Official, prompts: Prompts) -> None:
    """`with_raw_response` MUST parse to a response with a text.

    Gateways hand the body on.
    """
    asked: dict[str, Any] = {"model": official.model, "input": prompts.words, **ASKED}
    with official.judged(optional=RESPONSES):
        raw = official.openai().responses.with_raw_response.create(**asked)
        parsed = raw.parse()
    flows.answered(parsed.output_text)


@requirement(
    "api/clients/openai-responses-errors", MUST, source="openai-python 3: APIStatusError",
    profiles=API, refuses=f"{CREATE}: model; responses.retrieve: response_id",
)  # fmt: skip
@pytest.mark.parametrize("case", ["unknown-model", "unknown-response"])
def test_openai_responses_errors(official: Official, case: str) -> None:
    """A refusal MUST be the client's `NotFoundError`, with a message in its body.

    Programs catch it by its name.
    """
    client = official.openai()
    with official.judged(optional=RESPONSES):
        client.responses.create(model=official.model, input=GREETING, **ASKED)
    if case == "unknown-model":
        raised = typed_error(
            lambda: client.responses.create(model="no-such-model", input=GREETING), "NotFoundError"
        )
    else:
        raised = typed_error(lambda: client.responses.retrieve("resp_nobody"), "NotFoundError")
    flows.says_why(raised)
