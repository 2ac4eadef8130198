"""Which tokens an answer may have: vLLM's own parameters, in greedy answers."""

from __future__ import annotations

from conformance.api.extensions.ways import Ways, both_ways, on_both, said
from conformance.api.prompts import Prompts
from conformance.compare import extensions, vocabulary
from conformance.requirements import SHOULD, requirement

VLLM = "vLLM: extra parameters of chat and completions"


@requirement(
    "api/extensions/bad-words",
    SHOULD,
    source=f"{VLLM}: bad_words",
    profiles=("api",),
    honours=on_both("bad_words"),
)
@both_ways
def test_bad_words(ways: Ways, prompts: Prompts, way: str) -> None:
    """A word of `bad_words` SHOULD NOT come, and what comes in its place be said in full.

    Products keep words from people with it; the list is written as words, and the server finds
    their tokens.
    """
    plain = ways.say(way, prompts.words, max_tokens=16).text
    word = plain.split()[0]
    found = ways.say(way, prompts.words, bad_words=[word], max_tokens=16).text
    extensions.without("bad_words", plain, found, word)


@requirement(
    "api/extensions/allowed-token-ids",
    SHOULD,
    source=f"{VLLM}: allowed_token_ids",
    profiles=("api",),
    honours=on_both("allowed_token_ids"),
)
@both_ways
def test_allowed_token_ids(ways: Ways, prompts: Prompts, way: str) -> None:
    """An answer SHOULD have the tokens of `allowed_token_ids` and no others.

    Classifiers are restricted to their labels with it.
    """
    id = vocabulary.word_outside(ways.tokenizer, prompts.words[-1]["content"])
    found = ways.say(way, prompts.words, allowed_token_ids=[id], max_tokens=3)
    extensions.made_of("allowed_token_ids", ways.tokenizer.decode([id]), 3, found.text)


@requirement(
    "api/extensions/skip-special-tokens",
    SHOULD,
    source=f"{VLLM}: skip_special_tokens, true by default",
    profiles=("api",),
    honours=on_both("skip_special_tokens"),
)
@both_ways
def test_skip_special_tokens(ways: Ways, prompts: Prompts, way: str) -> None:
    """Without `skip_special_tokens` a special token in the answer SHOULD be seen, and with it not.

    Formats that are written in special tokens are parsed by the client only where they are left.
    """
    end = vocabulary.end_token(ways.tokenizer)
    asked = {"ignore_eos": True, "logit_bias": {str(end): 100}, "max_tokens": 2}
    plain = ways.say(way, prompts.words, **asked).text
    found = ways.say(way, prompts.words, skip_special_tokens=False, **asked).text
    special = [ways.tokenizer.decode([end], specials=True)]
    extensions.special_shown("skip_special_tokens", plain, found, special)


@requirement(
    "api/extensions/spaces-between-special-tokens",
    SHOULD,
    source=f"{VLLM}: spaces_between_special_tokens",
    profiles=("api",),
    honours=on_both("spaces_between_special_tokens"),
)
@both_ways
def test_spaces_between_special_tokens(ways: Ways, prompts: Prompts, way: str) -> None:
    """Without `spaces_between_special_tokens` special tokens SHOULD stand side by side.

    A format that is written in them is found by its exact text.
    """
    end = vocabulary.end_token(ways.tokenizer)
    found = ways.say(
        way,
        prompts.words,
        ignore_eos=True,
        logit_bias={str(end): 100},
        max_tokens=3,
        skip_special_tokens=False,
        spaces_between_special_tokens=False,
    ).text
    special = ways.tokenizer.decode([end], specials=True)
    extensions.side_by_side(special, 3, found)


@requirement(
    "api/extensions/repetition-penalty",
    SHOULD,
    source=f"{VLLM}: repetition_penalty; Keskar et al. (2019), CTRL, section 4.1",
    profiles=("api",),
    honours=on_both("repetition_penalty"),
)
@both_ways
def test_repetition_penalty(ways: Ways, prompts: Prompts, way: str) -> None:
    """A strong `repetition_penalty` SHOULD keep an answer from repeating its tokens.

    Model cards recommend it against loops; production applies it to logits of either sign.
    """
    plain = ways.say(way, prompts.draw, max_tokens=3)
    found = ways.say(way, prompts.draw, max_tokens=3, repetition_penalty=5)
    texts = [
        [ways.tokenizer.decode([id]) for id in vocabulary.plain_ids(ways.tokenizer, said.text)]
        for said in (plain, found)
    ]
    prompt = {ways.tokenizer.decode([id]) for id in ways.tokenizer.encode_chat(prompts.draw)}
    extensions.penalised(texts[0], texts[1], prompt)


@requirement(
    "api/extensions/repetition-penalty-prompt",
    SHOULD,
    source=f"{VLLM}: repetition_penalty counts the prompt too, unlike OpenAI's penalties",
    profiles=("api",),
    honours="completions.create: repetition_penalty",
)
def test_repetition_penalty_prompt(ways: Ways, prompts: Prompts) -> None:
    """A strong `repetition_penalty` SHOULD count the tokens of the prompt as well.

    It is defined so in the paper, and production and transformers agree; what is tuned with it
    goes another way where only the answer counts.
    """
    prompt = ways.prompt(prompts.draw)
    first = ways.say("completions", prompts.draw, max_tokens=1).text
    prompt += vocabulary.plain_ids(ways.tokenizer, first)
    plain = said(ways.ask.complete(prompt, max_tokens=1)).text
    found = said(ways.ask.complete(prompt, max_tokens=1, repetition_penalty=5)).text
    extensions.in_prompt(vocabulary.plain_ids(ways.tokenizer, plain), prompt)
    extensions.changed("repetition_penalty", plain, found)
