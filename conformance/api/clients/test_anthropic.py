"""The official `anthropic` client's ordinary flows, where Anthropic-style messages are served."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api import answers, optional
from conformance.api.ask import Ask
from conformance.api.clients import claude, flows
from conformance.api.clients.official import Official, typed_error
from conformance.api.prompts import GREETING, Prompts, user
from conformance.requirements import MUST, requirement

MESSAGES = "Anthropic's Messages API"
SOURCE = "anthropic-sdk-python 2: messages"
CREATE, COUNT = "/v1/messages", "/v1/messages/count_tokens"
API = ("api",)


@requirement(
    "api/clients/anthropic-create", MUST, source=f"{SOURCE}.create", profiles=API,
    honours=f"{CREATE}: messages",
)  # fmt: skip
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_anthropic_create(
    ask: Ask, official: Official, prompts: Prompts, asynchronous: bool
) -> None:
    """The first block of the client's message MUST be the answer that a chat gives.

    It is the program that people bring from Anthropic's own API.
    """
    asked = claude.asked(official.model, prompts.words)

    async def create() -> Any:
        return await official.async_anthropic().messages.create(**asked)

    if asynchronous:
        message = official.run(create, optional=MESSAGES)
    else:
        with official.judged(optional=MESSAGES):
            message = official.anthropic().messages.create(**asked)
    flows.same_text(
        message.content[0].text, answers.chat(ask.chat(prompts.words, max_tokens=16)).text
    )


@requirement(
    "api/clients/anthropic-stream", MUST, source=f"{SOURCE}.stream", profiles=API,
    honours=f"{CREATE}: stream",
)  # fmt: skip
@pytest.mark.parametrize("flow", ["events", "helper", "async-helper"])
def test_anthropic_stream(official: Official, prompts: Prompts, flow: str) -> None:
    """The client's stream MUST come to a final message, with the text of its deltas.

    The helper adds the events up itself, by index and type.
    """
    asked = claude.asked(official.model, prompts.words)

    async def helped() -> tuple[str, str]:
        async with official.async_anthropic().messages.stream(**asked) as stream:
            pieces = [text async for text in stream.text_stream]
            return "".join(pieces), claude.text(await stream.get_final_message())

    if flow == "async-helper":
        found, final = official.run(helped, optional=MESSAGES)
    else:
        with official.judged(optional=MESSAGES):
            client = official.anthropic()
            if flow == "helper":
                with client.messages.stream(**asked) as stream:
                    found = "".join(stream.text_stream)
                    final = claude.text(stream.get_final_message())
            else:
                events = list(client.messages.create(**asked, stream=True))
                found = claude.deltas(events)
                final = claude.text(client.messages.create(**asked))
    flows.answered(found)
    flows.same_text(found, final)


@requirement(
    "api/clients/anthropic-count", MUST, source=f"{SOURCE}.count_tokens", profiles=API,
    honours=f"{COUNT}: messages",
)  # fmt: skip
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_anthropic_count(official: Official, prompts: Prompts, asynchronous: bool) -> None:
    """`count_tokens` MUST count what the usage of the message counts.

    Agents ask before each turn.
    """
    asked = claude.asked(official.model, prompts.words)
    counted = {name: asked[name] for name in asked if name in ("model", "messages", "system")}

    async def count() -> Any:
        return await official.async_anthropic().messages.count_tokens(**counted)

    if asynchronous:
        found = official.run(count, optional=MESSAGES)
    with official.judged(optional=MESSAGES):
        client = official.anthropic()
        if not asynchronous:
            found = client.messages.count_tokens(**counted)
        message = client.messages.create(**asked)
    claude.same_count(found.input_tokens, message)


@requirement(
    "api/clients/anthropic-tools", MUST, source=f"{SOURCE}.create, tools", profiles=API,
    honours=f"{CREATE}: tools, messages",
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_anthropic_tools(official: Official, scripted: bool, stream: bool) -> None:
    """A call, its result and the answer MUST make a whole turn of the client's.

    It is the loop of every agent: the message goes back as it came, with the result behind it.
    """
    tools = optional.with_tools(official.client, official.model)
    with tools, official.judged(optional=MESSAGES):
        turn = claude.turn(official.anthropic(), official.model, stream=stream)
    claude.as_told(turn, scripted)


@requirement(
    "api/clients/anthropic-raw", MUST, source=f"{SOURCE}.with_raw_response", profiles=API,
    honours=f"{CREATE}: messages",
)  # fmt: skip
def test_anthropic_raw(official: Official, prompts: Prompts) -> None:
    """`with_raw_response` MUST parse to a message with a text.

    Gateways hand the body on.
    """
    with official.judged(optional=MESSAGES):
        raw = official.anthropic().messages.with_raw_response.create(
            **claude.asked(official.model, prompts.words)
        )
        message = raw.parse()
    flows.answered(claude.text(message))


@requirement(
    "api/clients/anthropic-errors", MUST, source="anthropic-sdk-python 2: APIStatusError",
    profiles=API, refuses=f"{CREATE}: model, max_tokens",
)  # fmt: skip
@pytest.mark.parametrize("case", ["unknown-model", "wrong-value"])
def test_anthropic_errors(official: Official, case: str) -> None:
    """A refusal MUST be the client's own error for it.

    Programs catch `NotFoundError` and `BadRequestError`.
    """
    with official.judged(optional=MESSAGES):
        client = official.anthropic()
        client.messages.create(**claude.asked(official.model, [user(GREETING)]))
    asked = claude.asked(official.model, [user(GREETING)])
    if case == "unknown-model":
        typed_error(
            lambda: client.messages.create(**{**asked, "model": "no-such-model"}), "NotFoundError"
        )
    else:
        typed_error(lambda: client.messages.create(**{**asked, "max_tokens": 0}), "BadRequestError")
