"""Where an answer ends: at its limit, or by itself."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.api import answers
from conformance.api.ask import OMIT, Ask
from conformance.api.prompts import Prompts
from conformance.compare import texts, vocabulary
from conformance.compare.tokens import Tokenizer
from conformance.requirements import MUST, requirement
from conformance.targets.server import ServerTarget

LONG = 300
"""Tokens: more than 256, which is some servers' own limit."""


@requirement(
    "api/chat/length",
    MUST,
    source="OpenAI chat.completions.create: max_completion_tokens, max_tokens, finish_reason",
    honours="{parameter}",
)
@pytest.mark.parametrize(
    "parameter",
    ["max_tokens", "max_completion_tokens"],
    ids=["max-tokens", "max-completion-tokens"],
)
def test_length(ask: Ask, prompts: Prompts, parameter: str) -> None:
    """The answer MUST be cut after exactly the tokens asked for, with `finish_reason` `length`.

    Clients bound cost and time with it, and ask for the rest when they read `length`; `stop`
    instead passes half a document off as whole.
    """
    answer = answers.chat(ask.chat(prompts.words, **{"max_tokens": OMIT, parameter: 3}))
    texts.cut(answer.usage.completion_tokens, answer.finish_reason, 3, parameter)


@requirement(
    "api/chat/long-answer",
    MUST,
    source="OpenAI chat.completions.create: max_completion_tokens, an upper bound that the client "
    "sets; vLLM has none of its own below the context's",
    honours="max_tokens",
)
def test_long_answer(ask: Ask, prompts: Prompts) -> None:
    """An answer MUST be as long as `max_tokens` allows where the model has so much to say.

    A server with a limit of its own, 16 tokens or 256, cuts every long answer, and calls it
    `length` as if the client had asked for it.
    """
    wanted = min(prompts.long_tokens, LONG)
    answer = answers.chat(ask.chat(prompts.long, max_tokens=wanted))
    texts.cut(answer.usage.completion_tokens, answer.finish_reason, wanted, "max_tokens")


@requirement(
    "api/chat/max-tokens-left-out",
    MUST,
    source="OpenAI chat.completions.create: max_completion_tokens, optional; vLLM: up to the "
    "context length",
    profiles=("api",),
    honours="messages",
)
def test_max_tokens_left_out(ask: Ask, target: ServerTarget, prompts: Prompts) -> None:
    """Without `max_tokens` an answer MUST run to the model's own end.

    Most programs leave it out; a server that then cuts at some default loses the end of each
    longer answer.
    """

    def said(limit: Any) -> answers.Answer:
        return answers.chat(ask.chat(prompts.whole, max_tokens=limit))

    answer = said(OMIT)
    texts.uncut(
        answer.finish_reason,
        answer.usage.total_tokens,
        target.max_model_len,
        lambda: said(answer.usage.completion_tokens + 1).usage.total_tokens,
    )


@requirement(
    "api/chat/natural-end", MUST, source="OpenAI chat.completion: choices[].finish_reason stop"
)
def test_natural_end(ask: Ask, prompts: Prompts) -> None:
    """An answer that ends by itself MUST say `finish_reason` `stop`.

    It is how an agent knows that the model is done and not cut.
    """
    answer = answers.chat(ask.chat(prompts.words, max_tokens=16))
    texts.ended(answer.finish_reason)


@requirement(
    "api/chat/end-token", MUST, source="vLLM SamplingParams: skip_special_tokens is true by default"
)
def test_end_token(ask: Ask, prompts: Prompts, tokenizer: Tokenizer) -> None:
    """The text of an answer MUST leave out the token that ends it, and all special tokens.

    People see `<|im_end|>` at the end of every message, and programs that parse the answer fail.
    """
    answer = answers.chat(ask.chat(prompts.words, max_tokens=16))
    vocabulary.without_special_tokens(tokenizer, answer.text)
