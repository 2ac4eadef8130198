"""The form of a legacy completion, and the end of its text."""

from __future__ import annotations

import pytest

from conformance.api import answers, expect
from conformance.api.ask import OMIT, Ask
from conformance.api.prompts import Prompts
from conformance.compare import stops, texts
from conformance.requirements import MUST, SHOULD, requirement


@requirement("api/completions/shape", MUST, source="OpenAI completions.create: text_completion")
def test_shape(ask: Ask, prompts: Prompts) -> None:
    """A completion MUST be a `text_completion` with one choice, index 0, that carries text.

    Evaluation harnesses and code completion read it through typed clients; a missing or mistyped
    field is an exception there.
    """
    answer = answers.completion(ask.complete(prompts.series))
    texts.choices(answer.indices, 1, "a request without `n`")
    texts.distinct([answer.text], "A completion has no text")


@requirement("api/completions/id", MUST, source="OpenAI text_completion: id, unique")
def test_id(ask: Ask, prompts: Prompts) -> None:
    """Each completion MUST have an `id` of its own, not empty.

    Logs and traces join on it.
    """
    first = expect.completion(ask.complete(prompts.series, max_tokens=1))
    second = expect.completion(ask.complete(prompts.series, max_tokens=1))
    texts.distinct([first.id, second.id], "`id` is empty or the same for two answers")


@requirement(
    "api/completions/length",
    MUST,
    source="OpenAI completions.create: max_tokens, choices[].finish_reason",
    honours="max_tokens",
)
@pytest.mark.parametrize("limit", [1, 5], ids=["one", "five"])
def test_length(ask: Ask, prompts: Prompts, limit: int) -> None:
    """The text MUST be cut after exactly `max_tokens` tokens, with `finish_reason` `length`.

    Harnesses that score the next token ask for one, and take what comes for that one.
    """
    answer = answers.completion(ask.complete(prompts.series, max_tokens=limit))
    texts.cut(answer.usage.completion_tokens, answer.finish_reason, limit, "max_tokens")


@requirement(
    "api/completions/default-length",
    SHOULD,
    source="OpenAI completions.create: max_tokens defaults to 16, as in vLLM",
)
def test_default_length(ask: Ask, prompts: Prompts) -> None:
    """Without `max_tokens` a completion SHOULD be cut after 16 tokens.

    A program that relies on the default waits until the context is full on a server that has
    another one. (The stop string bounds what such a server costs here.)
    """
    answer = answers.completion(ask.complete(prompts.series, max_tokens=OMIT, stop=" 40"))
    texts.cut_by_default(answer.usage.completion_tokens, answer.finish_reason, 16)


@requirement(
    "api/completions/stop",
    MUST,
    source="OpenAI completions.create: stop; vLLM: include_stop_str_in_output is false",
    alone=True,
    honours="stop",
)
@pytest.mark.parametrize("others", [None, stops.ABSENT], ids=["string", "list-of-four"])
def test_stop(ask: Ask, prompts: Prompts, others: list[str] | None) -> None:
    """The text MUST end before the stop string, given alone or last of a list of four, and keep
    all text up to it.

    Code completion stops at the next function by it; what leaks is inserted into a file.
    """
    baseline = answers.completion(ask.complete(prompts.series)).text
    stop = stops.later(baseline)
    answer = answers.completion(
        ask.complete(prompts.series, stop=[*others, stop] if others else stop)
    )
    stops.stopped(baseline, answer.text, answer.finish_reason, stop)


@requirement(
    "api/completions/stop-in-character",
    SHOULD,
    source="OpenAI completions.create: stop; vLLM detokenizes before it looks for stop strings",
    alone=True,
    honours="stop",
)
def test_stop_in_character(ask: Ask, prompts: Prompts) -> None:
    """A stop string whose bytes lie in several tokens SHOULD end the text as any other does.

    Markers of one emoji or one ideograph are common where people do not write English.
    """
    baseline = answers.completion(ask.complete(prompts.emoji_text, max_tokens=9)).text
    stop = stops.character(baseline)
    answer = answers.completion(ask.complete(prompts.emoji_text, max_tokens=9, stop=stop))
    stops.stopped(baseline, answer.text, answer.finish_reason, stop)
