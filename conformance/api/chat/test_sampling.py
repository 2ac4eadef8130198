"""Sampling parameters: taken into account, and repeatable where that is promised."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api import answers
from conformance.api.ask import OMIT, Ask
from conformance.api.prompts import Prompts
from conformance.compare import texts
from conformance.requirements import MUST, SHOULD, requirement


@requirement(
    "api/chat/temperature-zero",
    MUST,
    source="OpenAI chat.completions.create: temperature; vLLM: 0 is greedy",
    alone=True,
    honours="temperature",
)
def test_temperature_zero(ask: Ask, prompts: Prompts) -> None:
    """At `temperature` 0 the same request MUST get the same answer again.

    Regression tests of prompts rest on it. The answer's best token leads by nats, so that the
    order of additions cannot turn it.
    """
    first = answers.chat(ask.chat(prompts.words)).text
    again = answers.chat(ask.chat(prompts.words)).text
    texts.equal(first, again, "Two answers at temperature 0 differ")


@requirement(
    "api/chat/temperature",
    MUST,
    source="OpenAI chat.completions.create: temperature, 0 to 2",
    honours="temperature",
)
def test_temperature(ask: Ask, prompts: Prompts) -> None:
    """A high `temperature` MUST give other answers than temperature 0.

    Whoever asks for variety and gets the greedy answer each time blames the model.
    """
    # 12 tokens are at least 6 dice. As long as temperature 2 leaves no face likelier than 0.45,
    # three answers are all the greedy one with probability at most 0.45 ** 18 < 6e-7. (The scripted
    # model's draws coincide more rarely, here and below.)
    greedy = answers.chat_joined(ask, prompts.draws, max_tokens=12)
    hot = answers.chat_samples(ask, prompts.draws, [1, 2, 3], max_tokens=12, temperature=2)
    texts.varied([greedy, *hot], "`temperature` is accepted and ignored")


@requirement(
    "api/chat/top-p",
    MUST,
    source="OpenAI chat.completions.create: top_p",
    alone=True,
    honours="top_p",
)
def test_top_p(ask: Ask, prompts: Prompts) -> None:
    """With a tiny `top_p` only the best token MUST be left, whatever the temperature.

    `top_p` is the guard that people put on hot sampling; ignored, the tail of the vocabulary
    comes through.
    """
    greedy = answers.chat(ask.chat(prompts.words)).text
    narrow = answers.chat(ask.chat(prompts.words, temperature=2, seed=1, top_p=1e-6)).text
    texts.narrowed(greedy, narrow, "top_p")


@requirement(
    "api/chat/vllm-narrow",
    SHOULD,
    source="vLLM sampling parameters of the chat API: top_k, min_p",
    alone=True,
    honours={"top-k": "top_k", "min-p": "min_p"},
)
@pytest.mark.parametrize("extra", [{"top_k": 1}, {"min_p": 1.0}], ids=["top-k", "min-p"])
def test_vllm_narrow(ask: Ask, prompts: Prompts, extra: dict[str, Any]) -> None:
    """vLLM's own `top_k` 1 and `min_p` 1 SHOULD leave only the best token, whatever the
    temperature.

    Model cards recommend values for both, and production applies them; vllm-metal accepted
    `min_p` and did not (#577).
    """
    greedy = answers.chat(ask.chat(prompts.words)).text
    narrow = answers.chat(ask.chat(prompts.words, temperature=2, seed=1, **extra)).text
    texts.narrowed(greedy, narrow, next(iter(extra)))


@requirement(
    "api/chat/seed",
    SHOULD,
    source="OpenAI chat.completions.create: seed; vLLM: per-request generator",
    alone=True,
    honours="seed",
)
def test_seed(ask: Ask, prompts: Prompts) -> None:
    """The same `seed` SHOULD give the same sampled answer.

    Evaluations that sample can be repeated only so. A first request with another seed goes
    before: with it, all that are compared find the prompt cached alike.
    """
    answers.chat_joined(ask, prompts.draws, max_tokens=12, temperature=1, seed=7)
    sampled = answers.chat_samples(ask, prompts.draws, [42, 42, 42], max_tokens=12, temperature=1)
    texts.seeded(sampled)


@requirement(
    "api/chat/default-temperature",
    SHOULD,
    source="OpenAI chat.completions.create: temperature, 1 by default; vLLM: the same, unless the "
    "model's generation_config.json says otherwise",
    alone=True,
)
def test_default_temperature(ask: Ask, prompts: Prompts) -> None:
    """A request without `temperature` SHOULD be sampled, and not answered greedily.

    Most clients leave it out. A desk where that means 0 shows one fixed answer, and production a
    different one each time.
    """
    # Six answers of 12 tokens are at least 36 dice. As long as no face is likelier than 0.66, all
    # are the greedy one with probability at most 0.66 ** 36 < 4e-7.
    greedy = answers.chat_joined(ask, prompts.draws, max_tokens=12)
    sampled = answers.chat_samples(
        ask, prompts.draws, [1, 2, 3, 4, 5, 6], max_tokens=12, temperature=OMIT
    )
    texts.varied([greedy, *sampled], "Without `temperature` the answer is greedy")


@requirement(
    "api/chat/seeds", SHOULD, source="OpenAI chat.completions.create: seed", honours="seed"
)
def test_seeds(ask: Ask, prompts: Prompts) -> None:
    """Different seeds SHOULD give different sampled answers.

    Best-of-n with n seeds is one answer n times otherwise.
    """
    # With six dice as in test_temperature, three more answers are all the first with probability
    # at most 0.45 ** 18 < 6e-7.
    sampled = answers.chat_samples(ask, prompts.draws, [1, 2, 3, 4], max_tokens=12, temperature=2)
    texts.varied(sampled, "Different seeds give the same answer")


@requirement(
    "api/chat/unseeded",
    SHOULD,
    source="OpenAI chat.completions.create: seed; vLLM: without it the engine's generator draws",
    honours="temperature",
)
def test_unseeded(ask: Ask, prompts: Prompts) -> None:
    """Sampled answers without a `seed` SHOULD be drawn anew for each request.

    "Try again" gives the same answer for ever where a server has a seed of its own, or answers
    from memory what it was asked before.
    """
    # As in test_seeds: three more answers are all the first with probability < 6e-7.
    sampled = [
        answers.chat_joined(ask, prompts.draws, max_tokens=12, temperature=2) for _ in range(4)
    ]
    texts.varied(sampled, "Without a `seed` the same sampled answer comes each time")


@requirement("api/chat/n", SHOULD, source="OpenAI chat.completions.create: n, usage", honours="n")
def test_n(ask: Ask, prompts: Prompts) -> None:
    """`n` SHOULD give that many choices, numbered from 0, and `usage` count the tokens of all.

    Voting over several answers is one request with it. (vLLM refuses it at temperature 0.)
    """
    answer = answers.chat(ask.chat(prompts.draw, n=2, temperature=1, max_tokens=2))
    texts.choices(answer.indices, 2, "`n`")
    texts.counted_for_all(answer.usage.completion_tokens, answer.finish_reasons, 2)
