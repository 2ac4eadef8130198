"""Parameters that change single tokens' scores: bias and penalties."""

from __future__ import annotations

import pytest

from conformance.api import answers
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.compare import penalties, vocabulary
from conformance.compare.tokens import Tokenizer
from conformance.requirements import SHOULD, requirement


@requirement(
    "api/chat/logit-bias-force",
    SHOULD,
    source="OpenAI chat.completions.create: logit_bias, 100",
    honours="logit_bias",
)
def test_logit_bias_force(ask: Ask, prompts: Prompts, tokenizer: Tokenizer) -> None:
    """A `logit_bias` of 100 SHOULD make the answer consist of that token.

    Classifiers restrict an answer to their labels with it.
    """
    id = vocabulary.word_outside(tokenizer, prompts.words[-1]["content"])
    answer = answers.chat(ask.chat(prompts.words, max_tokens=3, logit_bias={str(id): 100}))
    vocabulary.forced(tokenizer, id, 3, answer.text)


@requirement(
    "api/chat/logit-bias-ban",
    SHOULD,
    source="OpenAI chat.completions.create: logit_bias, -100",
    honours="logit_bias",
)
def test_logit_bias_ban(ask: Ask, prompts: Prompts, tokenizer: Tokenizer) -> None:
    """A `logit_bias` of -100 SHOULD keep a token out of the answer.

    Products ban words with it; an ignored ban is noticed by the people it was to protect.
    """
    first = answers.chat(ask.chat(prompts.words, max_tokens=1)).text
    ban = {str(id): -100 for id in vocabulary.spelling(tokenizer, first)}
    answer = answers.chat(ask.chat(prompts.words, max_tokens=1, logit_bias=ban))
    vocabulary.banned(first, answer.text)


@requirement(
    "api/chat/penalty",
    SHOULD,
    source="OpenAI chat.completions.create: frequency_penalty, presence_penalty",
    alone=True,
    honours="{kind}_penalty",
)
@pytest.mark.parametrize("kind", ["frequency", "presence"], ids=["frequency", "presence"])
def test_penalty(ask: Ask, prompts: Prompts, kind: str) -> None:
    """A penalty SHOULD change the answer where its definition says: by what was generated so far,
    and not by the prompt.

    It is the usual remedy for a model that repeats itself; counted over the prompt as well
    (vllm-metal #69), it bans the very words that the question is about.
    """
    plain = ask.chat(prompts.draw, logprobs=True, top_logprobs=5)
    penalised = answers.chat(ask.chat(prompts.draw, **{f"{kind}_penalty": 2})).text
    penalties.applied(
        f"{kind}_penalty",
        answers.chat(plain).text,
        penalised,
        answers.chat_steps(plain),
        **{kind: 2.0},
    )
