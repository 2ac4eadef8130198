"""A message answered at once: its shape, its end, its counts, and what leads it."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api import answers, expect
from conformance.api.ask import Ask
from conformance.api.messages import judging
from conformance.api.messages.asking import MessagesApi
from conformance.api.prompts import GREETING, Prompts, assistant, user
from conformance.api.structured.asking import Question
from conformance.api.structured.schemas import WEATHER
from conformance.compare import constraints, stops, texts
from conformance.requirements import MUST, SHOULD, requirement

SOURCE = "Anthropic POST /v1/messages"
API = ("api",)


@requirement("api/messages/shape", MUST, source=f"{SOURCE}: Message", profiles=API)
def test_shape(messages: MessagesApi, prompts: Prompts) -> None:
    """A message MUST be, field for field, what Anthropic defines, and its `id` its own.

    The official client builds its objects without a look at their types: a field that is missing
    fails later, far from its cause.
    """
    first, second = messages.say(prompts.words), messages.say(GREETING)
    texts.distinct([first.body.id, second.body.id], "Two messages have one id, or one has none")
    texts.ended(first.reason)


@requirement("api/messages/model", MUST, source=f"{SOURCE}: model", profiles=API, honours="model")
def test_model(messages: MessagesApi) -> None:
    """The `model` of a message MUST be the one that was asked for.

    Logs and bills are sorted by it.
    """
    expect.same(messages.say(GREETING).body.model, messages.model, what="`model`")


@requirement(
    "api/messages/like-chat",
    MUST,
    source=f"{SOURCE}: messages; vLLM renders both with one chat template",
    profiles=API,
    honours="messages",
)
def test_like_chat(ask: Ask, messages: MessagesApi, prompts: Prompts) -> None:
    """The same conversation MUST be answered and counted as a chat completion of it is.

    Teams point Anthropic's tools at a server that they know by its other side.
    """
    judging.like_chat(
        messages.say(prompts.words), answers.chat(ask.chat(prompts.words, max_tokens=16))
    )


@requirement(
    "api/messages/usage", MUST, source=f"{SOURCE}: usage", profiles=API, honours="messages"
)
def test_usage(messages: MessagesApi, prompts: Prompts) -> None:
    """`usage` MUST count the tokens of the answer, as far as it was cut, and of the prompt.

    Budgets are kept by it.
    """
    judging.counted(messages.say(prompts.words, max_tokens=2), 2)


@requirement(
    "api/messages/empty",
    SHOULD,
    source=f"{SOURCE}: content; vLLM: one empty block of text",
    profiles=API,
    honours="messages",
)
def test_empty(messages: MessagesApi) -> None:
    """An answer SHOULD have a block also where the model says nothing.

    Programs read the first block without asking whether there is one.
    """
    judging.has_block(messages.say("Say nothing."))


@requirement(
    "api/messages/max-tokens",
    MUST,
    source=f"{SOURCE}: max_tokens, stop_reason max_tokens",
    profiles=API,
    honours="max_tokens",
)
@pytest.mark.parametrize("limit", [1, 3])
def test_max_tokens(messages: MessagesApi, prompts: Prompts, limit: int) -> None:
    """An answer MUST be cut after `max_tokens` tokens and its `stop_reason` be `max_tokens`.

    Half an answer that says it ended is stored as a whole one.
    """
    said = messages.say(prompts.words, max_tokens=limit)
    texts.cut(said.body.usage.output_tokens, said.reason, limit, "max_tokens")


@requirement(
    "api/messages/system", MUST, source=f"{SOURCE}: system", profiles=API, honours="system"
)
@pytest.mark.parametrize("form", ["text", "blocks", "cached-block"])
def test_system(ask: Ask, messages: MessagesApi, form: str) -> None:
    """`system` MUST lead the model as a system message of a chat does, as text and as blocks.

    It holds who the assistant is. Agents send it as blocks, with a mark that they be cached.
    """
    told = "Answer in French."
    block: dict[str, Any] = {"type": "text", "text": told}
    if form == "cached-block":
        block["cache_control"] = {"type": "ephemeral"}
    chat = ask.chat([{"role": "system", "content": told}, user("Greet me.")], max_tokens=16)
    judging.led(
        messages.say("Greet me.", system=told if form == "text" else [block]),
        answers.chat(chat),
        without=messages.say("Greet me."),
    )


MEMORY = [user("My name is Ada."), assistant("Nice to meet you."), user("What is my name?")]
"""A conversation that cannot be answered without its first message."""


@requirement(
    "api/messages/blocks", MUST, source=f"{SOURCE}: messages[].content", profiles=API,
    honours="messages",
)  # fmt: skip
@pytest.mark.parametrize("form", ["blocks", "cached-blocks", "thinking"])
def test_blocks(messages: MessagesApi, form: str) -> None:
    """Messages MUST be the same conversation as text and as blocks of text.

    Clients send back the blocks that they were given. Thoughts of earlier turns are among them, and
    need not reach the model.
    """
    mark = {"cache_control": {"type": "ephemeral"}} if form == "cached-blocks" else {}
    told = [
        {**message, "content": [{"type": "text", "text": message["content"], **mark}]}
        for message in MEMORY
    ]
    if form == "thinking":
        thought = {"type": "thinking", "thinking": "A greeting.", "signature": "s"}
        told[1]["content"].insert(0, thought)
    found, plain = messages.say(told), messages.say(MEMORY)
    if form == "thinking":  # which a template may show to the model
        return judging.answered(found)
    judging.same_answer(found, plain, what=f"A conversation as {form}")


@requirement(
    "api/messages/stop-sequences",
    MUST,
    source=f"{SOURCE}: stop_sequences",
    profiles=API,
    honours="stop_sequences",
)
def test_stop_sequences(messages: MessagesApi, prompts: Prompts) -> None:
    """The answer MUST end before any of the `stop_sequences`.

    Agents cut the model's answer at their own markers; a marker that leaks is run as code.
    """
    whole = messages.say(prompts.words)
    word = stops.word(whole.text)
    stopped = messages.say(prompts.words, stop_sequences=["#####", word])
    stops.stopped(whole.text, stopped.text, stopped.reason, word)


@requirement(
    "api/messages/stop-sequence-named",
    SHOULD,
    source=f"{SOURCE}: stop_reason stop_sequence, stop_sequence; vLLM 0.32, and 0.27 says end_turn",
    profiles=API,
    honours="stop_sequences",
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_stop_sequence_named(messages: MessagesApi, prompts: Prompts, stream: bool) -> None:
    """An answer that a stop sequence ended SHOULD say so, and which.

    Programs with several markers go on by the one that came.
    """
    word = stops.word(messages.say(prompts.words).text)
    asked = {"stop_sequences": ["#####", word]}
    if stream:
        said = messages.stream(prompts.words, **asked).said()
    else:
        said = messages.say(prompts.words, **asked)
    found = (said.body.stop_reason, said.body.stop_sequence)
    expect.same(found, ("stop_sequence", word), what="The reason of an answer that was stopped")


@requirement(
    "api/messages/temperature",
    MUST,
    source=f"{SOURCE}: temperature, 1 by default",
    profiles=API,
    honours="temperature",
)
def test_temperature(messages: MessagesApi, prompts: Prompts) -> None:
    """At `temperature` 1 answers MUST vary.

    Whoever asks for variety and gets the greedy answer each time blames the model.
    """
    # As api/chat/default-temperature: all alike with probability below 4e-7.
    found = [
        "\n".join(
            messages.say(draw, max_tokens=12, temperature=temperature, anew=True).text
            for draw in prompts.draws
        )
        for temperature in [0, *[1] * 6]
    ]
    texts.varied(found, "`temperature` is accepted and ignored")


@requirement(
    "api/messages/narrow",
    MUST,
    source=f"{SOURCE}: top_k, top_p",
    profiles=API,
    alone=True,
    honours={"top-k": "top_k", "top-p": "top_p"},
)
@pytest.mark.parametrize("extra", [{"top_k": 1}, {"top_p": 1e-6}], ids=["top-k", "top-p"])
def test_narrow(messages: MessagesApi, prompts: Prompts, extra: dict[str, Any]) -> None:
    """With `top_k` 1, or a tiny `top_p`, only the best token MUST be left, whatever the
    temperature.

    They are the guards that people put on hot sampling.
    """
    # Anthropic allows temperatures to 1; production to 2, where sampling shows.
    narrow = messages.say(prompts.words, temperature=2, **extra)
    texts.narrowed(messages.say(prompts.words).text, narrow.text, next(iter(extra)))


@requirement(
    "api/messages/json-schema",
    SHOULD,
    source=f"{SOURCE}: output_config.format json_schema",
    profiles=API,
    honours="output_config",
)
def test_json_schema(messages: MessagesApi, question: Question) -> None:
    """Asked for a format, the server SHOULD answer with JSON that its schema allows.

    Programs parse the answer as it is.
    """
    asked = {"output_config": {"format": {"type": "json_schema", "schema": WEATHER}}}
    said = messages.say(question.chat, max_tokens=500, **asked)
    constraints.conforms(judging.complete(said).text, WEATHER, field="output_config.format")


IGNORED: dict[str, Any] = {
    "metadata": {"user_id": "person-1"},
    "cache_salt": "salt",
    "watermarking": False,
    "vllm_xargs": {"note": "x"},
    "mm_payload": "none",
    "return_mm_kwargs": False,
    "kv_transfer_params": None,
    "ec_transfer_params": None,
}


@requirement(
    "api/messages/ignored-field",
    SHOULD,
    source=f"{SOURCE}, and vLLM's AnthropicMessagesRequest: fields that change no answer",
    profiles=API,
    accepts="{field}",
)
@pytest.mark.parametrize("field", IGNORED)
def test_ignored_field(messages: MessagesApi, field: str) -> None:
    """A field that changes no answer of production's SHOULD NOT make a request fail.

    Agents send `metadata` with each request.
    """
    said = messages.say(GREETING, **{field: IGNORED[field]})
    judging.same_answer(said, messages.say(GREETING), what=f"A message with `{field}`")
