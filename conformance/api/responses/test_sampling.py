"""Sampling parameters of a response: each has its effect, as in chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from conformance.api.ask import OMIT
from conformance.api.prompts import Messages, Prompts
from conformance.api.responses import changes, reading
from conformance.api.responses.asking import Responses
from conformance.api.responses.reading import LOGPROBS
from conformance.compare import logprobs, penalties, stops, texts, vocabulary
from conformance.compare.tokens import Tokenizer
from conformance.requirements import MUST, SHOULD, requirement

SOURCE = "OpenAI responses.create"
VLLM = "vLLM's ResponsesRequest"
API = ("api",)


def joined(responses: Responses, draws: Sequence[Messages], **parameters: Any) -> str:
    """The answers to several draws, one to a line."""
    return "\n".join(responses.say(draw, **parameters).text for draw in draws)


@requirement(
    "api/responses/temperature",
    MUST,
    source=f"{SOURCE}: temperature, 0 to 2",
    profiles=API,
    honours="temperature",
)
def test_temperature(responses: Responses, prompts: Prompts) -> None:
    """A high `temperature` MUST give other answers than temperature 0.

    Whoever asks for variety and gets the greedy answer each time blames the model.
    """
    # As api/chat/temperature: all alike with probability below 6e-7.
    greedy = joined(responses, prompts.draws, max_output_tokens=12)
    hot = [
        joined(responses, prompts.draws, max_output_tokens=12, temperature=2, seed=seed)
        for seed in (1, 2, 3)
    ]
    texts.varied([greedy, *hot], "`temperature` is accepted and ignored")


@requirement(
    "api/responses/default-temperature",
    SHOULD,
    source=f"{SOURCE}: temperature, 1 by default; vLLM: the same, unless the model's "
    "generation_config.json says otherwise",
    profiles=API,
    honours="temperature",
)
def test_default_temperature(responses: Responses, prompts: Prompts) -> None:
    """A request without `temperature` SHOULD be sampled, and not answered greedily.

    Most clients leave it out.
    """
    # As api/chat/default-temperature: all alike with probability below 4e-7.
    greedy = joined(responses, prompts.draws, max_output_tokens=12)
    sampled = [
        joined(responses, prompts.draws, max_output_tokens=12, temperature=OMIT, seed=seed)
        for seed in range(1, 7)
    ]
    texts.varied([greedy, *sampled], "Without `temperature` the answer is greedy")


@requirement(
    "api/responses/top-p", MUST, source=f"{SOURCE}: top_p", profiles=API, alone=True,
    honours="top_p",
)  # fmt: skip
def test_top_p(responses: Responses, prompts: Prompts) -> None:
    """With a tiny `top_p` only the best token MUST be left, whatever the temperature.

    `top_p` is the guard that people put on hot sampling.
    """
    narrow = responses.say(prompts.words, temperature=2, seed=1, top_p=1e-6)
    texts.narrowed(responses.say(prompts.words).text, narrow.text, "top_p")


@requirement(
    "api/responses/vllm-narrow",
    SHOULD,
    source=f"{VLLM}: top_k; min_p in 0.32, not in 0.27",
    profiles=API,
    alone=True,
    honours={"top-k": "top_k", "min-p": "min_p"},
)
@pytest.mark.parametrize("extra", [{"top_k": 1}, {"min_p": 1.0}], ids=["top-k", "min-p"])
def test_vllm_narrow(responses: Responses, prompts: Prompts, extra: dict[str, Any]) -> None:
    """vLLM's own `top_k` 1 and `min_p` 1 SHOULD leave only the best token, whatever the
    temperature.

    Model cards recommend values for both.
    """
    narrow = responses.say(prompts.words, temperature=2, seed=1, **extra)
    texts.narrowed(responses.say(prompts.words).text, narrow.text, next(iter(extra)))


@requirement(
    "api/responses/seed",
    SHOULD,
    source=f"{VLLM}: seed",
    profiles=API,
    alone=True,
    honours="seed",
)
def test_seed(responses: Responses, prompts: Prompts) -> None:
    """The same `seed` SHOULD give the same sampled answer.

    Evaluations that sample can be repeated only so.
    """
    asked = {"max_output_tokens": 12, "temperature": 1, "anew": True}
    joined(responses, prompts.draws, seed=7, **asked)  # so that all find the prompt cached alike
    sampled = [joined(responses, prompts.draws, seed=42, **asked) for _ in range(3)]
    texts.seeded(sampled)


@requirement("api/responses/seeds", SHOULD, source=f"{VLLM}: seed", profiles=API, honours="seed")
def test_seeds(responses: Responses, prompts: Prompts) -> None:
    """Different seeds SHOULD give different sampled answers.

    Best-of-n with n seeds is one answer n times otherwise.
    """
    sampled = [
        joined(responses, prompts.draws, max_output_tokens=12, temperature=2, seed=seed)
        for seed in (1, 2, 3, 4)
    ]
    texts.varied(sampled, "Different seeds give the same answer")


@requirement(
    "api/responses/penalty",
    SHOULD,
    source=f"{VLLM}: frequency_penalty, presence_penalty, as in chat",
    profiles=API,
    alone=True,
    honours="{kind}_penalty",
)
@pytest.mark.parametrize("kind", ["frequency", "presence"])
def test_penalty(responses: Responses, prompts: Prompts, kind: str) -> None:
    """A penalty SHOULD change the answer where its definition says: by what was generated so far,
    and not by the prompt.

    It is the usual remedy for a model that repeats itself.
    """
    asked: dict[str, Any] = {"max_output_tokens": 8}
    plain = responses.say(prompts.draw, **asked, include=[LOGPROBS], top_logprobs=5)
    penalised = responses.say(prompts.draw, **asked, **{f"{kind}_penalty": 2})
    penalties.applied(
        f"{kind}_penalty",
        plain.text,
        penalised.text,
        logprobs.steps(reading.scored(plain)),
        **{kind: 2.0},
    )


@requirement(
    "api/responses/repetition-penalty",
    SHOULD,
    source=f"{VLLM}: repetition_penalty",
    profiles=API,
    alone=True,
    honours="repetition_penalty",
)
def test_repetition_penalty(responses: Responses, prompts: Prompts) -> None:
    """A `repetition_penalty` SHOULD change an answer that repeats itself.

    Model cards recommend one for models that fall into loops.
    """
    asked = {"max_output_tokens": 8}
    plain = responses.say(prompts.draw, **asked)
    penalised = responses.say(prompts.draw, **asked, repetition_penalty=20)
    texts.varied([plain.text, penalised.text], "`repetition_penalty` is accepted and ignored")


@requirement("api/responses/stop", SHOULD, source=f"{VLLM}: stop", profiles=API, honours="stop")
@pytest.mark.parametrize("kind", ["text", "list", "none"])
def test_stop(responses: Responses, prompts: Prompts, kind: str) -> None:
    """vLLM's own `stop` SHOULD end the answer before the stop string.

    OpenAI left it out of this operation; programs that moved here from chat still need it.
    """
    whole = responses.say(prompts.words)
    if kind == "none":
        return texts.equal(
            whole.text, responses.say(prompts.words, stop=[]).text, "An empty `stop` has an effect"
        )
    word = stops.word(whole.text)
    asked = word if kind == "text" else ["#####", word]
    stopped = responses.say(prompts.words, stop=asked)
    stops.stopped(whole.text, stopped.text, stopped.reason, word)


@requirement(
    "api/responses/include-stop",
    SHOULD,
    source=f"{VLLM}: include_stop_str_in_output",
    profiles=API,
    honours="include_stop_str_in_output",
)
def test_include_stop(responses: Responses, prompts: Prompts) -> None:
    """With `include_stop_str_in_output` the answer SHOULD end with the stop string.

    Parsers that look for the closing tag need it.
    """
    whole = responses.say(prompts.words)
    word = stops.word(whole.text)
    stopped = responses.say(prompts.words, stop=[word], include_stop_str_in_output=True)
    changes.ends_with_stop(stopped, whole, word)


@requirement(
    "api/responses/ignore-eos",
    SHOULD,
    source=f"{VLLM}: ignore_eos",
    profiles=API,
    honours="ignore_eos",
)
def test_ignore_eos(responses: Responses, prompts: Prompts) -> None:
    """With `ignore_eos` the answer SHOULD go on to `max_output_tokens`.

    Benchmarks compare servers with answers of one length.
    """
    asked = responses.say(prompts.words).usage.output_tokens + 4
    said = responses.say(prompts.words, ignore_eos=True, max_output_tokens=asked)
    changes.went_on(said, asked)


@requirement(
    "api/responses/logit-bias",
    SHOULD,
    source=f"{VLLM}: logit_bias, as in chat",
    profiles=API,
    honours="logit_bias",
)
@pytest.mark.parametrize("bias", [100, -100], ids=["forced", "banned"])
def test_logit_bias(
    responses: Responses, tokenizer: Tokenizer, prompts: Prompts, bias: int
) -> None:
    """A `logit_bias` of 100 SHOULD force a token and one of -100 ban it.

    Classifiers force one of their labels.
    """
    if bias > 0:
        id = vocabulary.word_outside(tokenizer, prompts.words[-1]["content"])
        said = responses.say(prompts.words, max_output_tokens=3, logit_bias={str(id): bias})
        return vocabulary.forced(tokenizer, id, 3, said.text)
    first = responses.say(prompts.words, max_output_tokens=1).text
    ban = {str(id): bias for id in vocabulary.spelling(tokenizer, first)}
    said = responses.say(prompts.words, max_output_tokens=1, logit_bias=ban)
    vocabulary.banned(first, said.text)


@requirement(
    "api/responses/stop-token-ids",
    SHOULD,
    source=f"{VLLM}: stop_token_ids in 0.32, not in 0.27",
    profiles=API,
    honours="stop_token_ids",
)
def test_stop_token_ids(responses: Responses, tokenizer: Tokenizer, prompts: Prompts) -> None:
    """A token of `stop_token_ids` SHOULD end the answer.

    Models with several ends of a turn need it.
    """
    whole = responses.say(prompts.words)
    ids = vocabulary.plain_ids(tokenizer, whole.text)
    stopped = responses.say(prompts.words, stop_token_ids=[ids[2]])
    changes.shorter(stopped, whole, parameter="stop_token_ids")


@requirement(
    "api/responses/skip-special-tokens",
    SHOULD,
    source=f"{VLLM}: skip_special_tokens",
    profiles=API,
    honours="skip_special_tokens",
)
def test_skip_special_tokens(responses: Responses, prompts: Prompts) -> None:
    """With `skip_special_tokens` false special tokens SHOULD be part of the text.

    Whoever looks at what a model really wrote turns them on.
    """
    end = responses.say(prompts.words).usage.output_tokens + 2
    asked: dict[str, Any] = {"ignore_eos": True, "max_output_tokens": end}
    shown = responses.say(prompts.words, skip_special_tokens=False, **asked)
    changes.special_shown(responses.say(prompts.words, **asked), shown)
