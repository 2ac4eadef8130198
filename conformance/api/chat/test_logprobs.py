"""Log probabilities of a chat answer."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

import pytest

from conformance.api import answers
from conformance.api.ask import Ask
from conformance.api.prompts import Messages, Prompts
from conformance.compare import logprobs
from conformance.requirements import MUST, SHOULD, requirement


@requirement(
    "api/chat/logprobs",
    MUST,
    source="OpenAI chat.completions.create: logprobs, top_logprobs (0 to 20)",
    honours="logprobs, top_logprobs",
)
@pytest.mark.parametrize("count", [0, 1, 5], ids=["none", "one", "five"])
def test_logprobs(ask: Ask, prompts: Prompts, count: int) -> None:
    """An answer asked for `logprobs` MUST carry them, with exactly `top_logprobs` alternatives a
    token.

    Classifiers read the probability of "yes" against "no"; a 200 without them is found only when
    the scores turn out empty.
    """
    response = ask.chat(prompts.words, max_tokens=3, logprobs=True, top_logprobs=count)
    logprobs.alternatives(answers.chat_logprobs(response), count)


@requirement(
    "api/chat/logprobs-tokens",
    MUST,
    source="OpenAI chat.completion: logprobs.content[].bytes",
    honours="logprobs",
)
@pytest.mark.parametrize(
    "choose", [attrgetter("words"), attrgetter("emoji")], ids=["words", "emoji"]
)
def test_logprobs_tokens(ask: Ask, prompts: Prompts, choose: Callable[[Prompts], Messages]) -> None:
    """There MUST be one entry a generated token, and their bytes, joined, be the answer.

    Highlighting unsure words needs to know which entry is which part of the text, also where a
    character's bytes lie in several tokens: vLLM gives such a character to its last token, and
    the others no bytes.
    """
    response = ask.chat(choose(prompts), max_tokens=3, logprobs=True, top_logprobs=1)
    answer, entries = answers.chat(response), answers.chat_logprobs(response)
    logprobs.count(entries, answer.usage.completion_tokens)
    logprobs.spell(entries, answer.text)


@requirement(
    "api/chat/logprobs-probabilities",
    MUST,
    source="OpenAI chat.completion: logprobs.content[].logprob is a natural logarithm",
    honours="logprobs, top_logprobs",
)
@pytest.mark.parametrize("temperature", [0, 1], ids=["greedy", "sampled"])
def test_logprobs_probabilities(ask: Ask, prompts: Prompts, temperature: int) -> None:
    """Logprobs MUST be those of one distribution: none above 0, a token's alternatives within a
    sum of 1, the token among or below them.

    Perplexities and confidence scores are computed from them and look plausible even when wrong.
    """
    response = ask.chat(
        prompts.draw, max_tokens=8, logprobs=True, top_logprobs=5, temperature=temperature, seed=3
    )
    entries = answers.chat_logprobs(response)
    logprobs.probabilities(entries)
    logprobs.chosen(entries)


@requirement(
    "api/chat/logprobs-greedy",
    MUST,
    source="OpenAI chat.completion: logprobs.content[].top_logprobs; vLLM: 0 is greedy",
    honours="logprobs, top_logprobs, temperature",
)
def test_logprobs_greedy(ask: Ask, prompts: Prompts) -> None:
    """At temperature 0 alternatives MUST come best first, and the token be the likeliest.

    A token that its own logprobs call unlikely shows that text and logprobs are of different
    steps. (Sampled tokens are listed first by vLLM, whatever their rank.)
    """
    response = ask.chat(prompts.draw, max_tokens=8, logprobs=True, top_logprobs=5)
    entries = answers.chat_logprobs(response)
    logprobs.greedy(entries)
    logprobs.ranked(entries)


@requirement(
    "api/chat/logprobs-raw",
    SHOULD,
    source="vLLM: logprobs_mode is raw_logprobs by default",
    honours="logprobs, temperature",
)
def test_logprobs_raw(ask: Ask, prompts: Prompts) -> None:
    """Logprobs SHOULD be the model's own, before `temperature` changes them, as vLLM's are.

    Scores of runs at different temperatures can be compared only then.
    """
    cold = ask.chat(prompts.draw, max_tokens=1, logprobs=True, top_logprobs=5)
    hot = ask.chat(prompts.draw, max_tokens=1, logprobs=True, top_logprobs=5, temperature=2, seed=1)
    logprobs.unscaled(answers.chat_logprobs(cold), answers.chat_logprobs(hot))


@requirement(
    "api/chat/logprobs-absent", MUST, source="OpenAI chat.completions.create: logprobs, false"
)
def test_logprobs_absent(ask: Ask, prompts: Prompts) -> None:
    """An answer that was not asked for logprobs MUST carry none.

    They are many times the size of the text, and some clients take their presence for a request.
    """
    answers.without_logprobs(ask.chat(prompts.words, max_tokens=3))
