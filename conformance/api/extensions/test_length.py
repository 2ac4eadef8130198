"""When an answer ends: vLLM's own parameters for it."""

from __future__ import annotations

from conformance.api.extensions.ways import Ways, both_ways, on_both
from conformance.api.prompts import Prompts
from conformance.compare import extensions, stops, vocabulary
from conformance.requirements import SHOULD, requirement

VLLM = "vLLM: extra parameters of chat and completions"


@requirement(
    "api/extensions/min-tokens",
    SHOULD,
    source=f"{VLLM}: min_tokens",
    profiles=("api",),
    honours=on_both("min_tokens"),
)
@both_ways
def test_min_tokens(ways: Ways, prompts: Prompts, way: str) -> None:
    """`min_tokens` SHOULD keep the answer from ending before so many tokens.

    Load tests and summaries of a least length rest on it.
    """
    plain = ways.say(way, prompts.words, max_tokens=32)
    extensions.ended_by_itself(plain.finish_reason)
    wanted = plain.completion_tokens + 3
    found = ways.say(way, prompts.words, min_tokens=wanted, max_tokens=wanted)
    extensions.longer("min_tokens", found.completion_tokens, found.finish_reason, wanted)


@requirement(
    "api/extensions/ignore-eos",
    SHOULD,
    source=f"{VLLM}: ignore_eos",
    profiles=("api",),
    honours=on_both("ignore_eos"),
)
@both_ways
def test_ignore_eos(ways: Ways, prompts: Prompts, way: str) -> None:
    """With `ignore_eos` the answer SHOULD go on after the token that ends it, up to `max_tokens`.

    Benchmarks of speed compare servers on answers of one length only with it.
    """
    plain = ways.say(way, prompts.words, max_tokens=32)
    extensions.ended_by_itself(plain.finish_reason)
    wanted = plain.completion_tokens + 3
    found = ways.say(way, prompts.words, ignore_eos=True, max_tokens=wanted)
    extensions.longer("ignore_eos", found.completion_tokens, found.finish_reason, wanted)


@requirement(
    "api/extensions/min-tokens-before-bias",
    SHOULD,
    source="vLLM: vllm/v1/sample/sampler.py, min_tokens bars the end whatever its bias",
    profiles=("api",),
    honours=on_both("min_tokens", "logit_bias"),
)
@both_ways
def test_min_tokens_before_bias(ways: Ways, prompts: Prompts, way: str) -> None:
    """An end that a `logit_bias` of 100 asks for SHOULD come right after `min_tokens`, and not
    before.

    The two together give answers of exactly one length, ended properly.
    """
    end = vocabulary.end_token(ways.tokenizer)
    bias = {str(end): 100}
    found = ways.say(way, prompts.words, min_tokens=3, logit_bias=bias, max_tokens=16)
    extensions.exactly("min_tokens", found.completion_tokens, 4)


@requirement(
    "api/extensions/stop-token-ids",
    SHOULD,
    source=f"{VLLM}: stop_token_ids",
    profiles=("api",),
    honours=on_both("stop_token_ids"),
)
@both_ways
def test_stop_token_ids(ways: Ways, prompts: Prompts, way: str) -> None:
    """A token of `stop_token_ids` SHOULD end the answer, and be left out of it.

    Templates with ends of turn of their own are served so; missed, the model talks to itself.
    """
    plain = ways.say(way, prompts.words, max_tokens=16)
    ids = vocabulary.plain_ids(ways.tokenizer, plain.text)
    place = vocabulary.first_of_its_kind(ids)
    found = ways.say(way, prompts.words, stop_token_ids=[ids[place]], max_tokens=16)
    kept = ways.tokenizer.decode(ids[:place])
    extensions.same_answer("stop_token_ids", kept.strip(), found.text.strip(), plain.text.strip())
    extensions.stopped("stop_token_ids", found.finish_reason)


@requirement(
    "api/extensions/include-stop",
    SHOULD,
    source=f"{VLLM}: include_stop_str_in_output",
    profiles=("api",),
    honours=on_both("include_stop_str_in_output"),
)
@both_ways
def test_include_stop(ways: Ways, prompts: Prompts, way: str) -> None:
    """With `include_stop_str_in_output` the answer SHOULD end with the stop string.

    Agents that read a call up to its closing tag need the tag.
    """
    plain = ways.say(way, prompts.words, max_tokens=16).text
    stop = stops.straddling(plain)
    cut = plain[: plain.index(stop)]
    found = ways.say(
        way, prompts.words, stop=[stop], include_stop_str_in_output=True, max_tokens=16
    )
    extensions.same_answer("include_stop_str_in_output", cut + stop, found.text, cut)


@requirement(
    "api/extensions/repetition-detection",
    SHOULD,
    source=f"{VLLM}: repetition_detection",
    profiles=("api",),
    honours=on_both("repetition_detection"),
)
@both_ways
def test_repetition_detection(ways: Ways, prompts: Prompts, way: str) -> None:
    """With `repetition_detection` an answer that repeats itself SHOULD be ended at the repetition
    asked about.

    A model that loops costs the whole of `max_tokens` otherwise.
    """
    token = vocabulary.word_outside(ways.tokenizer, prompts.words[-1]["content"])
    bias = {str(token): 100}
    detection = {"max_pattern_size": 2, "min_pattern_size": 1, "min_count": 5}
    found = ways.say(
        way, prompts.words, logit_bias=bias, repetition_detection=detection, max_tokens=16
    )
    extensions.ended_early("repetition_detection", found.completion_tokens, 5, 16)
