"""Parameters of a legacy completion: choices, seed, bias, logprobs."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

import pytest

from conformance.api import answers
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.compare import logprobs, texts, vocabulary
from conformance.compare.tokens import Tokenizer
from conformance.requirements import MUST, SHOULD, requirement


@requirement("api/completions/n", SHOULD, source="OpenAI completions.create: n, usage", honours="n")
def test_n(ask: Ask, prompts: Prompts) -> None:
    """`n` SHOULD give that many choices, numbered from 0, and `usage` count the tokens of all.

    Pass-at-k benchmarks sample with it. (vLLM refuses it at temperature 0.)
    """
    text = prompts.draw_texts[0]
    answer = answers.completion(ask.complete(text, n=2, temperature=1, max_tokens=2))
    texts.choices(answer.indices, 2, "`n`")
    texts.counted_for_all(answer.usage.completion_tokens, answer.finish_reasons, 2)


@requirement(
    "api/completions/seed",
    SHOULD,
    source="OpenAI completions.create: seed",
    alone=True,
    honours="seed",
)
def test_seed(ask: Ask, prompts: Prompts) -> None:
    """The same `seed` SHOULD give the same sampled text.

    Evaluations that sample can be repeated only so. A first request goes before: with it, all
    that are compared find the prompt cached alike.
    """
    sampling = {"max_tokens": 12, "temperature": 1}
    answers.completion_samples(ask, prompts.draw_texts, [7], **sampling)
    sampled = answers.completion_samples(ask, prompts.draw_texts, [42, 42, 42], **sampling)
    texts.seeded(sampled)


@requirement(
    "api/completions/logit-bias-force",
    SHOULD,
    source="OpenAI completions.create: logit_bias, 100",
    honours="logit_bias",
)
def test_logit_bias_force(ask: Ask, prompts: Prompts, tokenizer: Tokenizer) -> None:
    """A `logit_bias` of 100 SHOULD make the text consist of that token.

    Harnesses restrict the answer to their labels with it.
    """
    id = vocabulary.word_outside(tokenizer, prompts.series)
    answer = answers.completion(
        ask.complete(prompts.series, max_tokens=3, logit_bias={str(id): 100})
    )
    vocabulary.forced(tokenizer, id, 3, answer.text)


@requirement(
    "api/completions/logprobs",
    SHOULD,
    source="OpenAI completions.create: logprobs (0 to 5); vLLM adds the token itself",
    honours="logprobs",
)
@pytest.mark.parametrize("count", [1, 5], ids=["one", "five"])
def test_logprobs(ask: Ask, prompts: Prompts, count: int) -> None:
    """A completion asked for `logprobs` SHOULD carry them in the legacy form: lists of equal
    length, with that many alternatives a token.

    Harnesses read `token_logprobs` by position; chat-style logprobs break them.
    """
    _, scored = answers.completion_logprobs(
        ask.complete(prompts.series, max_tokens=4, logprobs=count)
    )
    logprobs.legacy_alternatives(scored, count)
    logprobs.legacy_probabilities(scored)


@requirement(
    "api/completions/logprobs-tokens",
    SHOULD,
    source="OpenAI text_completion: logprobs.tokens, logprobs.text_offset; vLLM's offsets",
    honours="logprobs",
)
@pytest.mark.parametrize(
    "choose", [attrgetter("series"), attrgetter("emoji_text")], ids=["words", "emoji"]
)
def test_logprobs_tokens(ask: Ask, prompts: Prompts, choose: Callable[[Prompts], str]) -> None:
    """The tokens of a completion's `logprobs` SHOULD spell its text, one a generated token, each
    at its `text_offset`.

    Where a prompt ends and an answer begins is found by offset. vLLM gives a character whose
    bytes lie in several tokens to the last of them.
    """
    response = ask.complete(choose(prompts), max_tokens=6, logprobs=1)
    text, scored = answers.completion_logprobs(response)
    logprobs.count(scored.tokens, answers.completion(response).usage.completion_tokens)
    logprobs.legacy_spell(text, scored)


@requirement(
    "api/completions/logprobs-absent", MUST, source="OpenAI completions.create: logprobs, null"
)
def test_logprobs_absent(ask: Ask, prompts: Prompts) -> None:
    """A completion that was not asked for logprobs MUST carry none.

    They are many times the size of the text.
    """
    answers.completion_without_logprobs(ask.complete(prompts.series, max_tokens=2))


@requirement(
    "api/completions/penalty-prompt",
    SHOULD,
    source="OpenAI completions.create: frequency_penalty, presence_penalty: the text so far, which "
    "vLLM takes as what was generated",
    alone=True,
    honours="{kind}_penalty",
)
@pytest.mark.parametrize("kind", ["frequency", "presence"])
def test_penalty_prompt(ask: Ask, prompts: Prompts, kind: str) -> None:
    """A penalty SHOULD NOT change the first token, before which nothing was generated.

    Counted over the prompt, it bans the very words that the question is about (vllm-metal #69).
    """
    first = answers.completion(ask.complete(prompts.series, max_tokens=1)).text
    penalty = {f"{kind}_penalty": 2}
    penalised = answers.completion(ask.complete(prompts.series, max_tokens=1, **penalty)).text
    texts.equal(first, penalised, f"`{kind}_penalty` counts the prompt")
