"""The form of a chat completion: what every typed client reads first."""

from __future__ import annotations

from conformance.api import answers, expect, listing
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.compare import texts
from conformance.requirements import MUST, SHOULD, requirement


@requirement("api/chat/shape", MUST, source="OpenAI chat.completions.create: chat.completion")
def test_shape(ask: Ask, prompts: Prompts) -> None:
    """A chat answer MUST be a `chat.completion` with one choice, index 0, from the assistant.

    Typed clients read every field without asking whether it is there; a missing or mistyped one
    is an exception in somebody's program.
    """
    answer = answers.chat(ask.chat(prompts.words))
    texts.choices(answer.indices, 1, "a request without `n`")


@requirement("api/chat/id", MUST, source="OpenAI chat.completion: id, unique")
def test_id(ask: Ask) -> None:
    """Each chat answer MUST have an `id` of its own, not empty.

    Logs and traces join on it; with one id for all, two people's answers become one.
    """
    first = expect.chat(ask.chat("Hi", max_tokens=1))
    second = expect.chat(ask.chat("Hi", max_tokens=1))
    texts.distinct([first.id, second.id], "`id` is empty or the same for two answers")


@requirement("api/chat/created", SHOULD, source="OpenAI chat.completion: created (seconds)")
def test_created(ask: Ask) -> None:
    """A chat answer's `created` SHOULD be the time of the answer, in seconds since 1970.

    Usage reports group by day; a zero or milliseconds put all answers into one wrong day.
    """
    answer = expect.chat(ask.chat("Hi", max_tokens=1))
    listing.recent_time(answer.created)


@requirement("api/chat/model", SHOULD, source="OpenAI chat.completion: model", honours="model")
def test_model(ask: Ask) -> None:
    """A chat answer's `model` SHOULD be the name that the request used, as vLLM does.

    Routers and cost reports look the name up; another spelling of it is another model to them.
    """
    answer = expect.chat(ask.chat("Hi", max_tokens=1))
    texts.equal(ask.model, answer.model, "`model` is not the name that was asked for")


@requirement("api/chat/detokenised", MUST, source="vllm-metal #337: Ġ and Ċ in answers")
def test_detokenised(ask: Ask, prompts: Prompts) -> None:
    """The answer MUST be text, with spaces as spaces and not as the vocabulary spells them.

    A wrong detokenizer turns every space into Ġ or ▁, in front of the person who asked.
    """
    answer = answers.chat(ask.chat(prompts.words))
    texts.detokenised(answer.text)
