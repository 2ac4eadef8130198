"""An answer does not depend on who else is served, nor on what was served before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.api.extensions.ways import OPERATIONS, Ways, both_ways, on_both, said
from conformance.api.prompts import GREETING, Prompts, user
from conformance.compare import metamorphic
from conformance.requirements import MUST, SHOULD, requirement

STRANGERS = 12
"""Requests in flight beside the one that is compared."""


@requirement(
    "api/metamorphic/strangers",
    MUST,
    source="vLLM: continuous batching; rows of a batch do not see each other",
    profiles=("api",),
    alone=True,
    honours={way: f"{name}:" for way, name in OPERATIONS.items()},
)
@both_ways
def test_strangers(ways: Ways, prompts: Prompts, way: str) -> None:
    """A request MUST be answered among strangers as it is alone.

    What one person asked must not change what another one is told, let alone be told to them.
    """
    alone = ways.say(way, prompts.words, max_tokens=16)

    def stranger(number: int) -> None:
        asked = {"max_tokens": 24 + number, "temperature": 1, "seed": number, "ignore_eos": True}
        ways.send(way, [user(f"{GREETING} {'again ' * number}")], **asked)

    with ThreadPoolExecutor(STRANGERS + 3) as pool:
        others = [pool.submit(stranger, number) for number in range(STRANGERS)]
        mine = [pool.submit(ways.say, way, prompts.words, max_tokens=16) for _ in range(3)]
        found = [each.result() for each in mine]
        for other in others:
            other.result()
    texts = [each.text for each in found]
    metamorphic.all_alike(alone.text, texts, "An answer alone and one among strangers")
    metamorphic.alike(
        [alone.completion_tokens] * 3,
        [each.completion_tokens for each in found],
        "Their counts of tokens",
    )


@requirement(
    "api/metamorphic/cached",
    MUST,
    source="vLLM: automatic prefix caching, cache_salt",
    profiles=("api",),
    alone=True,
    accepts=on_both("cache_salt"),
)
@both_ways
def test_cached(ways: Ways, prompts: Prompts, way: str) -> None:
    """A prompt whose beginning is cached MUST be answered as when it is new.

    The second turn of every conversation begins with the first. A `cache_salt` of its own makes
    the first of three requests new wherever it is taken.
    """
    salt = f"maccord-{way}-{id(ways):x}"
    answers = [ways.say(way, prompts.words, max_tokens=16, cache_salt=salt).text for _ in range(3)]
    plain = ways.say(way, prompts.words, max_tokens=16).text
    metamorphic.all_alike(answers[0], [*answers[1:], plain], "An answer new and one cached")


@requirement(
    "api/metamorphic/n",
    SHOULD,
    source="vLLM: n requests share their prompt",
    profiles=("api",),
    alone=True,
    honours=on_both("n"),
)
@both_ways
def test_n(ways: Ways, prompts: Prompts, way: str) -> None:
    """`n` choices SHOULD be what n requests are answered, and their usage the sum.

    They share the prompt and nothing else. (With `top_k` 1 every draw is the best token; at
    temperature 0 production refuses `n`.)
    """
    asked = {"temperature": 1, "top_k": 1, "max_tokens": 16}
    alone = ways.say(way, prompts.words, **asked)
    found = said(ways.send(way, prompts.words, n=3, **asked))
    texts = [
        choice["message"]["content"] if way == "chat" else choice["text"]
        for choice in found.body["choices"]
    ]
    metamorphic.choices_of(texts, [alone.text] * 3, "Choices of one request and three requests")
    metamorphic.alike(
        3 * alone.completion_tokens, found.completion_tokens, "Three answers' tokens and theirs"
    )


@requirement(
    "api/metamorphic/n-seeds",
    SHOULD,
    source="vLLM: vllm/v1/engine/parallel_sampling.py, choice i is drawn with seed + i",
    profiles=("api",),
    alone=True,
    honours=on_both("n", "seed"),
)
@both_ways
def test_n_seeds(ways: Ways, prompts: Prompts, way: str) -> None:
    """Choice i of a request with a `seed` SHOULD be the answer to the request with that seed and i
    added.

    An evaluation that drew several answers in one request is so repeated one by one.
    """
    asked = {"temperature": 1, "max_tokens": 8}
    alone = [ways.say(way, prompts.draw, seed=40 + number, **asked).text for number in range(4)]
    found = said(ways.send(way, prompts.draw, n=4, seed=40, **asked))
    texts = [
        choice["message"]["content"] if way == "chat" else choice["text"]
        for choice in found.body["choices"]
    ]
    metamorphic.choices_of(texts, alone, "Choices of one seed and requests of several")


@requirement(
    "api/metamorphic/seed",
    SHOULD,
    source="OpenAI chat.completions.create, completions.create: seed",
    profiles=("api",),
    alone=True,
    honours=on_both("seed"),
)
@both_ways
def test_seed(ways: Ways, prompts: Prompts, way: str) -> None:
    """A `seed` SHOULD repeat its answer, whatever was sampled in between.

    A sampler that all requests share goes on from where the last one left it.
    """
    asked = {"temperature": 1, "max_tokens": 12}
    ways.say(way, prompts.draw, seed=1, **asked)
    first = ways.say(way, prompts.draw, seed=42, **asked).text
    between = ways.say(way, prompts.draw, seed=43, **asked).text
    again = ways.say(way, prompts.draw, seed=42, **asked).text
    metamorphic.seeded_alike(first, again, between, "Two answers of one seed")


@requirement(
    "api/metamorphic/top-k-one",
    SHOULD,
    source="vLLM: temperature 0 is greedy, as top_k 1 is at any temperature",
    profiles=("api",),
    alone=True,
    honours={
        f"{way}-{temperature}": f"{name}: top_k, temperature"
        for way, name in OPERATIONS.items()
        for temperature in (0.5, 1, 2)
    },
)
@pytest.mark.parametrize("temperature", [0.5, 1, 2])
@both_ways
def test_top_k_one(ways: Ways, prompts: Prompts, way: str, temperature: float) -> None:
    """With `top_k` 1 the answer SHOULD be that of temperature 0, at any temperature.

    Only the best token is left to draw.
    """
    greedy = ways.say(way, prompts.draw, max_tokens=3)
    found = ways.say(way, prompts.draw, max_tokens=3, temperature=temperature, top_k=1, seed=3)
    metamorphic.alike(greedy.text, found.text, "The greedy answer and the one of `top_k` 1")


@requirement(
    "api/metamorphic/longer",
    MUST,
    source="OpenAI chat.completions.create, completions.create: max_tokens",
    profiles=("api",),
    alone=True,
    honours=on_both("max_tokens"),
)
@both_ways
def test_longer(ways: Ways, prompts: Prompts, way: str) -> None:
    """A shorter answer MUST be the beginning of the longer one.

    `max_tokens` says where to stop, and nothing about what to say.
    """
    whole = ways.say(way, prompts.words, max_tokens=16).text
    for length in (2, 4):
        part = ways.say(way, prompts.words, max_tokens=length).text
        metamorphic.beginning(whole, part, "`max_tokens` changes what is said")


@requirement(
    "api/metamorphic/continued",
    MUST,
    source="OpenAI completions.create: prompt; a completion depends on its text alone",
    profiles=("api",),
    alone=True,
    honours="completions.create: prompt",
)
def test_continued(ways: Ways, prompts: Prompts) -> None:
    """A completion MUST go on in the same way when its own beginning is sent as prompt.

    A prompt is computed at once and an answer token by token: by two kernels, to one result.
    """
    ids = ways.tokenizer.encode(prompts.series)
    whole = said(ways.ask.complete(ids, max_tokens=8)).text
    part = said(ways.ask.complete(ids, max_tokens=4)).text
    more = [*ids, *ways.tokenizer.encode(part, special=False)]
    rest = said(ways.ask.complete(more, max_tokens=4)).text
    metamorphic.alike(whole, part + rest, "A completion and the one of its own beginning")
