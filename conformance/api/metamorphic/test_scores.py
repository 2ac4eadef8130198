"""Scores and counts: told in two ways, they are the same."""

from __future__ import annotations

import pytest

from conformance.api import answers
from conformance.api.extensions.ways import Ways, both_ways, on_both, said
from conformance.api.prompts import Prompts, user
from conformance.api.tokens.asking import Tokens
from conformance.api.tokens.texts import HOSTILE
from conformance.compare import metamorphic, scores, vocabulary
from conformance.requirements import MUST, SHOULD, requirement


@requirement(
    "api/metamorphic/scores-of-an-echo",
    SHOULD,
    source="OpenAI completions.create: echo with logprobs",
    profiles=("api",),
    alone=True,
    honours="completions.create: echo, logprobs",
)
def test_scores_of_an_echo(ways: Ways, prompts: Prompts) -> None:
    """Tokens SHOULD be scored alike where they are generated and where they are read in a prompt.

    Benchmarks of choice read them, those of generation write them.
    """
    ids = ways.tokenizer.encode(prompts.series)
    generated = ways.ask.complete(ids, max_tokens=6, logprobs=1)
    text, scored = answers.completion_logprobs(generated)
    own = [each or 0.0 for each in scored.token_logprobs]
    whole = [*ids, *ways.tokenizer.encode(text, special=False)]
    echoed = ways.ask.complete(whole, max_tokens=1, logprobs=1, echo=True)
    _, read = answers.echoed_logprobs(echoed)
    again = [each or 0.0 for each in read.token_logprobs[len(ids) : len(ids) + len(own)]]
    metamorphic.near(own, again, "Logprobs of tokens written and read")


@requirement(
    "api/metamorphic/score-of-a-text",
    SHOULD,
    source="vLLM: prompt_logprobs; a text's probability is the product of its tokens'",
    profiles=("api",),
    alone=True,
    honours="completions.create: prompt_logprobs, logprobs, echo",
)
def test_score_of_a_text(ways: Ways, prompts: Prompts) -> None:
    """The logprob of a text SHOULD be the sum of its tokens', by `prompt_logprobs` as by `echo`,
    and grow by a continuation's own.

    A perplexity is one number made of many; one of them at the wrong place changes it a little.
    """
    ids = ways.tokenizer.encode(prompts.series)
    generated = ways.ask.complete(ids, max_tokens=6, logprobs=1)
    text, scored = answers.completion_logprobs(generated)
    whole = [*ids, *ways.tokenizer.encode(text, special=False)]
    long = said(ways.ask.complete(whole, max_tokens=1, prompt_logprobs=0))
    short = said(ways.ask.complete(ids, max_tokens=1, prompt_logprobs=0))
    _, echoed = answers.echoed_logprobs(
        ways.ask.complete(whole, max_tokens=1, logprobs=1, echo=True)
    )
    of_long = scores.of_prompt(long.given("prompt_logprobs"), whole)
    of_short = scores.of_prompt(short.given("prompt_logprobs"), ids)
    by_echo = [each or 0.0 for each in echoed.token_logprobs[: len(whole)]]
    metamorphic.near(of_long, by_echo, "Logprobs of a prompt and of its echo")
    own = sum(each or 0.0 for each in scored.token_logprobs)
    scores.grown(sum(of_long), sum(of_short), own, len(whole))


@requirement(
    "api/metamorphic/scored-or-not",
    MUST,
    source="OpenAI chat.completions.create, completions.create: logprobs",
    profiles=("api",),
    alone=True,
    honours=on_both("logprobs"),
)
@both_ways
def test_scored_or_not(ways: Ways, prompts: Prompts, way: str) -> None:
    """An answer MUST be the same with and without `logprobs`.

    What is looked at must not change by being looked at.
    """
    asked = {"logprobs": True, "top_logprobs": 2} if way == "chat" else {"logprobs": 2}
    plain = ways.say(way, prompts.words, max_tokens=16)
    found = ways.say(way, prompts.words, max_tokens=16, **asked)
    metamorphic.alike(plain.text, found.text, "An answer with logprobs and one without")
    metamorphic.alike(plain.finish_reason, found.finish_reason, "Their finish reasons")


@requirement(
    "api/metamorphic/usage",
    MUST,
    source="OpenAI: usage; the model's own tokenizer and chat template",
    profiles=("api",),
    honours={
        f"{way}-{text}": f"{operation}: {field}"
        for way, operation, field in (
            ("chat", "chat.completions.create", "messages"),
            ("completions", "completions.create", "prompt"),
        )
        for text in HOSTILE
    },
)
@pytest.mark.parametrize("text", HOSTILE)
@both_ways
def test_usage(ways: Ways, way: str, text: str) -> None:
    """`usage` MUST count a text's tokens as the model's tokenizer does, however hard the text.

    Bills and limits are computed from it, and people write emoji.
    """
    if way == "chat":
        messages = [user(HOSTILE[text])]
        found, wanted = ways.say("chat", messages, max_tokens=1), ways.prompt(messages)
    else:
        found = said(ways.ask.complete(HOSTILE[text], max_tokens=1))
        wanted = ways.tokenizer.encode(HOSTILE[text])
    metamorphic.alike(len(wanted), found.prompt_tokens, "The tokenizer's count and that of `usage`")


@requirement(
    "api/metamorphic/usage-of-an-answer",
    MUST,
    source="OpenAI: usage.completion_tokens; the model's own tokenizer",
    profiles=("api",),
    honours=on_both("max_tokens"),
)
@both_ways
def test_usage_of_an_answer(ways: Ways, prompts: Prompts, way: str) -> None:
    """`usage` MUST count an answer's tokens as the model's tokenizer does, and the end as one.

    The end is a token that the model computed.
    """
    found = ways.say(way, prompts.words, max_tokens=32)
    own = len(vocabulary.plain_ids(ways.tokenizer, found.text))
    ended = found.finish_reason == "stop"
    metamorphic.alike(own + ended, found.completion_tokens, "The tokenizer's count and the usage's")


@requirement(
    "api/metamorphic/tokenize",
    SHOULD,
    source="vLLM: POST /tokenize of messages is the prompt of their chat",
    profiles=("api",),
    honours="/tokenize: messages; completions.create: prompt",
)
def test_tokenize(ways: Ways, tokens: Tokens, prompts: Prompts) -> None:
    """The tokens that `/tokenize` gives for a chat SHOULD be completed as the chat is answered.

    Who counts a chat there counts the very prompt.
    """
    chat = ways.say("chat", prompts.words, max_tokens=16)
    ids = tokens.tokenize(messages=prompts.words).tokens
    found = said(ways.ask.complete(ids, max_tokens=16))
    metamorphic.alike(chat.text, found.text, "A chat and the completion of its tokens")
    metamorphic.alike(chat.prompt_tokens, len(ids), "Their counts of tokens")


@requirement(
    "api/metamorphic/order-of-prompts",
    MUST,
    source="OpenAI completions.create: prompt as an array",
    profiles=("api",),
    alone=True,
    honours="completions.create: prompt",
)
def test_order_of_prompts(ways: Ways, prompts: Prompts) -> None:
    """Prompts in another order MUST have the same completions, in that order.

    A batch is sorted by length inside, and put in order again at its end.
    """
    listed = [prompts.second, prompts.series, f"{prompts.second} {prompts.second}"]
    one = answers.completion(ways.ask.complete(listed, max_tokens=2)).by_index
    other = answers.completion(ways.ask.complete(listed[::-1], max_tokens=2)).by_index
    metamorphic.alike(one[:2], other[::-1][:2], "Completions of prompts in two orders")
