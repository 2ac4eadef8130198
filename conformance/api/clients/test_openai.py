"""The official `openai` client's ordinary flows on chat completions, completions and models."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from conformance.api import answers, expect, optional
from conformance.api.ask import Ask
from conformance.api.clients import flows
from conformance.api.clients.flows import Weather
from conformance.api.clients.official import Official, timed_out, typed_error
from conformance.api.prompts import GREETING, Prompts, user
from conformance.api.structured.asking import Question
from conformance.requirements import MUST, SHOULD, requirement

CHAT, LEGACY = "chat.completions.create", "completions.create"
SOURCE = "openai-python 3"
API = ("api",)
ASKED: dict[str, Any] = {"temperature": 0, "max_tokens": 16}


@requirement(
    "api/clients/openai-models", MUST, source=f"{SOURCE}: models.list", profiles=API,
    honours="models.list:",
)  # fmt: skip
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_openai_models(official: Official, asynchronous: bool) -> None:
    """The client MUST find the served model in the pages of `models.list`.

    Programs offer what they find there.
    """

    async def listed() -> list[str]:
        return [model.id async for model in official.async_openai().models.list()]

    if asynchronous:
        found = official.run(listed)
    else:
        with official.judged():
            found = [model.id for model in official.openai().models.list()]
    flows.contains(found, official.model)


@requirement(
    "api/clients/openai-chat", MUST, source=f"{SOURCE}: chat.completions.create", profiles=API,
    honours=f"{CHAT}: messages",
)  # fmt: skip
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_openai_chat(ask: Ask, official: Official, prompts: Prompts, asynchronous: bool) -> None:
    """The client's chat completion MUST be the answer that the server gives.

    It is the program that most people write first.
    """
    asked: dict[str, Any] = {"model": official.model, "messages": prompts.words, **ASKED}

    async def create() -> Any:
        return await official.async_openai().chat.completions.create(**asked)

    if asynchronous:
        completion = official.run(create)
    else:
        with official.judged():
            completion = official.openai().chat.completions.create(**asked)
    flows.same_chat(completion, answers.chat(ask.chat(prompts.words, **ASKED)))


@requirement(
    "api/clients/openai-chat-stream", MUST, source=f"{SOURCE}: stream=True", profiles=API,
    honours=f"{CHAT}: stream",
)  # fmt: skip
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_openai_chat_stream(
    ask: Ask, official: Official, prompts: Prompts, asynchronous: bool
) -> None:
    """The client's stream MUST end by itself and add up to the answer given at once.

    The client ends its loop on `[DONE]`, and raises on an event that carries an error.
    """
    asked: dict[str, Any] = {"model": official.model, "messages": prompts.words, "stream": True}

    async def create() -> list[ChatCompletionChunk]:
        stream = await official.async_openai().chat.completions.create(**asked, **ASKED)
        return [chunk async for chunk in stream]

    if asynchronous:
        chunks = official.run(create)
    else:
        with official.judged():
            chunks = list(official.openai().chat.completions.create(**asked, **ASKED))
    flows.same_text(flows.joined(chunks), answers.chat(ask.chat(prompts.words, **ASKED)).text)


@requirement(
    "api/clients/openai-stream-helper", MUST, source=f"{SOURCE}: chat.completions.stream",
    profiles=API, honours=f"{CHAT}: stream",
)  # fmt: skip
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_openai_stream_helper(
    ask: Ask, official: Official, prompts: Prompts, asynchronous: bool
) -> None:
    """The helper `chat.completions.stream` MUST come to a final completion that is the answer.

    It adds the chunks up itself, and asserts what it expects of them.
    """
    asked: dict[str, Any] = {"model": official.model, "messages": prompts.words, **ASKED}

    async def final() -> Any:
        async with official.async_openai().chat.completions.stream(**asked) as stream:
            return await stream.get_final_completion()

    if asynchronous:
        completion = official.run(final)
    else:
        with official.judged(), official.openai().chat.completions.stream(**asked) as stream:
            completion = stream.get_final_completion()
    flows.same_chat(completion, answers.chat(ask.chat(prompts.words, **ASKED)), usage=False)


@requirement(
    "api/clients/openai-stream-left", MUST, source=f"{SOURCE}: Stream.close", profiles=API,
    honours=f"{CHAT}: stream",
)  # fmt: skip
def test_openai_stream_left(official: Official, prompts: Prompts) -> None:
    """After a stream that the client left in its middle the next request MUST be answered.

    People press “stop” all the time.
    """
    asked: dict[str, Any] = {"model": official.model, "temperature": 0, "max_tokens": 64}
    left: dict[str, Any] = {**asked, "messages": prompts.long, "stream": True}
    with official.judged():
        client = official.openai()
        with client.chat.completions.create(**left) as stream:
            next(iter(stream))
        again = client.chat.completions.create(**{**asked, "messages": prompts.words})
    flows.answered(again.choices[0].message.content)


@requirement(
    "api/clients/openai-raw", MUST, source=f"{SOURCE}: with_raw_response", profiles=API,
    honours=f"{CHAT}: messages",
)  # fmt: skip
def test_openai_raw(official: Official, prompts: Prompts) -> None:
    """`with_raw_response` MUST give status and headers, and parse to the same completion.

    Gateways read headers and hand the body on.
    """
    asked: dict[str, Any] = {"model": official.model, "messages": prompts.words, **ASKED}
    with official.judged():
        raw = official.openai().chat.completions.with_raw_response.create(**asked)
        parsed, kind = raw.parse(), raw.headers.get("content-type", "")
    expect.same((raw.status_code, kind.split(";")[0]), (200, "application/json"), what="A response")
    flows.answered(parsed.choices[0].message.content)


@requirement(
    "api/clients/openai-streaming-response",
    MUST,
    source=f"{SOURCE}: with_streaming_response",
    profiles=API,
    honours=f"{CHAT}: stream",
)
def test_openai_streaming_response(official: Official, prompts: Prompts) -> None:
    """`with_streaming_response` MUST give the lines of a stream, the last of them `[DONE]`.

    Proxies hand them on as they come.
    """
    asked: dict[str, Any] = {"model": official.model, "messages": prompts.words, "stream": True}
    with (
        official.judged(),
        official.openai().chat.completions.with_streaming_response.create(
            **asked, **ASKED
        ) as response,
    ):
        lines = [line for line in response.iter_lines() if line]
    expect.same(lines[-1:], ["data: [DONE]"], what="The last line of a stream")


@requirement(
    "api/clients/openai-parse", MUST, source=f"{SOURCE}: chat.completions.parse", profiles=API,
    honours=f"{CHAT}: response_format",
)  # fmt: skip
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_openai_parse(official: Official, question: Question, asynchronous: bool) -> None:
    """`chat.completions.parse` MUST come to an object of the class that it was given.

    The client refuses an answer that was cut or that its class does not allow.
    """
    asked: dict[str, Any] = {"model": official.model, "messages": question.chat, "temperature": 0}
    asked |= {**question.defaults, "response_format": Weather}

    async def parse() -> Any:
        return await official.async_openai().chat.completions.parse(**asked)

    if asynchronous:
        completion = official.run(parse)
    else:
        with official.judged():
            completion = official.openai().chat.completions.parse(**asked)
    flows.is_a(completion.choices[0].message.parsed, Weather)


@requirement(
    "api/clients/openai-tools", MUST, source=f"{SOURCE}: pydantic_function_tool", profiles=API,
    honours=f"{CHAT}: tools, tool_choice",
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_openai_tools(official: Official, question: Question, stream: bool) -> None:
    """A tool that is made of a class MUST be called with arguments that parse to it.

    The client parses arguments of strict tools itself, streamed or not.
    """
    tools = [openai.pydantic_function_tool(Weather, name="report_weather")]
    asked: dict[str, Any] = {"model": official.model, "messages": question.chat, "temperature": 0}
    asked |= {**question.defaults, "tools": tools, "tool_choice": "required"}
    optional.tools(official.client, official.model)
    with official.judged():
        completions = official.openai().chat.completions
        if stream:
            with completions.stream(**asked) as streamed:
                completion = streamed.get_final_completion()
        else:
            completion = completions.parse(**asked)
    flows.called_with(completion.choices[0].message.tool_calls, Weather)


@requirement(
    "api/clients/openai-completions", MUST, source=f"{SOURCE}: completions.create", profiles=API,
    honours=f"{LEGACY}: prompt, stream",
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_openai_completions(ask: Ask, official: Official, prompts: Prompts, stream: bool) -> None:
    """The client's legacy completion MUST be the answer that the server gives, streamed or not.

    Base models and evaluations still run on it.
    """
    asked: dict[str, Any] = {"model": official.model, "prompt": prompts.series, **ASKED}
    with official.judged():
        completions = official.openai().completions
        if stream:
            text = "".join(
                choice.text
                for chunk in completions.create(**asked, stream=True)
                for choice in chunk.choices
            )
        else:
            text = completions.create(**asked).choices[0].text
    flows.same_text(text, answers.completion(ask.complete(prompts.series, **ASKED)).text)


@requirement(
    "api/clients/openai-together", MUST, source=f"{SOURCE}: AsyncOpenAI", profiles=API,
    honours=f"{CHAT}: messages",
)  # fmt: skip
def test_openai_together(official: Official, prompts: Prompts) -> None:
    """Eight requests of one asynchronous client MUST all be answered, each with its own answer.

    Batch programs send as many as they may, over connections that the client keeps and shares.
    """
    found = official.run(lambda: flows.together(official.async_openai(), official.model, prompts))
    flows.each_its_own(found)


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "unknown-model": ("NotFoundError", {"model": "no-such-model"}),
    "wrong-value": ("BadRequestError", {"temperature": -1}),
}


@requirement(
    "api/clients/openai-errors", MUST, source=f"{SOURCE}: APIStatusError", profiles=API,
    refuses=f"{CHAT}: model, temperature",
)  # fmt: skip
@pytest.mark.parametrize("case", WRONG)
def test_openai_errors(official: Official, case: str) -> None:
    """A refusal MUST be the client's own error for it, with a message in its body.

    Programs catch `NotFoundError` and show `message`.
    """
    name, wrong = WRONG[case]
    asked: dict[str, Any] = {"model": official.model, "messages": [user(GREETING)]}
    client = official.openai()
    raised = typed_error(lambda: client.chat.completions.create(**{**asked, **wrong}), name)
    flows.says_why(raised)


@requirement(
    "api/clients/openai-timeout", SHOULD, source=f"{SOURCE}: timeout", profiles=API,
    honours=f"{CHAT}: messages",
)  # fmt: skip
def test_openai_timeout(official: Official, prompts: Prompts) -> None:
    """A deadline of the client's SHOULD end in its own error, and the next request be answered.

    Programs ask again with more time.
    """
    asked: dict[str, Any] = {"model": official.model, "messages": prompts.long, "temperature": 0}
    asked["max_tokens"] = prompts.long_tokens
    client = official.openai(timeout=0.01)
    timed_out(lambda: client.chat.completions.create(**asked))
    with official.judged():
        again = official.openai().chat.completions.create(**{**asked, "max_tokens": 1})
    flows.counted(again)
