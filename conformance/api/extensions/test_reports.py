"""What an answer tells besides its text: vLLM's own parameters for it."""

from __future__ import annotations

from typing import Any

from conformance.api import answers
from conformance.api.extensions.ways import Ways, both_ways, on_both, said
from conformance.api.prompts import Prompts
from conformance.compare import extensions, streamed, vocabulary
from conformance.requirements import SHOULD, requirement

VLLM = "vLLM: extra parameters of chat and completions"


def _scored(way: str, count: int) -> dict[str, Any]:
    """Asks for logprobs with so many alternatives."""
    return {"logprobs": True, "top_logprobs": count} if way == "chat" else {"logprobs": count}


def _first(way: str, ways: Ways, prompts: Prompts, **parameters: Any) -> tuple[str, list[str]]:
    """The first token of the answer as its logprobs name it, and its alternatives."""
    response = ways.send(way, prompts.words, max_tokens=1, **parameters)
    if way == "chat":
        entry = answers.chat_logprobs(response)[0]
        return entry.token, [top.token for top in entry.top_logprobs]
    _, scored = answers.completion_logprobs(response)
    return scored.tokens[0], list((scored.top_logprobs or [{}])[0] or {})


@requirement(
    "api/extensions/prompt-logprobs",
    SHOULD,
    source=f"{VLLM}: prompt_logprobs",
    profiles=("api",),
    honours=on_both("prompt_logprobs"),
)
@both_ways
def test_prompt_logprobs(ways: Ways, prompts: Prompts, way: str) -> None:
    """`prompt_logprobs` SHOULD score every token of the prompt but the first, each with so many of
    the likeliest in its place.

    Perplexities and rankings of given texts are computed from them.
    """
    found = ways.say(way, prompts.words, max_tokens=1, prompt_logprobs=2)
    prompt = ways.prompt(prompts.words)
    extensions.scored_prompt(found.given("prompt_logprobs"), prompt, 2)


@requirement(
    "api/extensions/logprob-token-ids",
    SHOULD,
    source=f"{VLLM}: logprob_token_ids",
    profiles=("api",),
    honours=on_both("logprob_token_ids"),
)
@both_ways
def test_logprob_token_ids(ways: Ways, prompts: Prompts, way: str) -> None:
    """The alternatives of a token SHOULD be those of `logprob_token_ids` where these are given.

    A classifier reads the scores of its own labels, and needs no list of the likeliest.
    """
    ids = vocabulary.two_words(ways.tokenizer)
    own, shown = _first(way, ways, prompts, logprob_token_ids=ids, **_scored(way, 2))
    extensions.chosen_alternatives(shown, [ways.tokenizer.decode([id]) for id in ids], own)


@requirement(
    "api/extensions/tokens-as-ids",
    SHOULD,
    source=f"{VLLM}: return_tokens_as_token_ids",
    profiles=("api",),
    honours=on_both("return_tokens_as_token_ids"),
)
@both_ways
def test_tokens_as_ids(ways: Ways, prompts: Prompts, way: str) -> None:
    """With `return_tokens_as_token_ids` the tokens of `logprobs` SHOULD be named by their ids.

    Half a character has no text of its own, and two tokens may share one.
    """
    plain = ways.say(way, prompts.words, max_tokens=1).text
    named, _ = _first(way, ways, prompts, return_tokens_as_token_ids=True, **_scored(way, 1))
    extensions.as_ids([named], vocabulary.plain_ids(ways.tokenizer, plain))


@requirement(
    "api/extensions/token-ids",
    SHOULD,
    source=f"{VLLM}: return_token_ids",
    profiles=("api",),
    honours=on_both("return_token_ids"),
)
@both_ways
def test_token_ids(ways: Ways, prompts: Prompts, way: str) -> None:
    """With `return_token_ids` the answer SHOULD carry the ids of its own tokens and of the
    prompt's.

    Training on what was sampled needs the very tokens: the same text may be encoded otherwise.
    """
    found = ways.say(way, prompts.words, max_tokens=3, return_token_ids=True)
    prompt, own = ways.prompt(prompts.words), vocabulary.plain_ids(ways.tokenizer, found.text)
    extensions.ids_given("return_token_ids", found.given("prompt_token_ids"), prompt, "the prompt")
    extensions.ids_given("return_token_ids", found.given("token_ids"), own, "the answer")


@requirement(
    "api/extensions/token-ids-streamed",
    SHOULD,
    source=f"{VLLM}: return_token_ids, streamed",
    profiles=("api",),
    honours=on_both("return_token_ids", "stream"),
)
@both_ways
def test_token_ids_streamed(ways: Ways, prompts: Prompts, way: str) -> None:
    """A stream with `return_token_ids` SHOULD carry the same ids, chunk by chunk.

    An agent that streams and trains reads both from one answer.
    """
    whole = ways.say(way, prompts.words, max_tokens=3, return_token_ids=True)
    stream = ways.stream(way, prompts.words, max_tokens=3, return_token_ids=True)
    extensions.ids_given(
        "return_token_ids", streamed.ids(stream.payloads), whole.given("token_ids"), "the stream"
    )


@requirement(
    "api/extensions/stream-interval",
    SHOULD,
    source=f"{VLLM}: stream_interval",
    profiles=("api",),
    honours=on_both("stream_interval"),
)
@both_ways
def test_stream_interval(ways: Ways, prompts: Prompts, way: str) -> None:
    """`stream_interval` SHOULD gather so many tokens in each chunk but the first and the last.

    Fewer and larger chunks are cheaper for everyone between the model and the person.
    """
    # As many tokens as a small model is sure of.
    asked = {"max_tokens": 9, "ignore_eos": True}
    plain = ways.stream(way, prompts.long, **asked)
    found = ways.stream(way, prompts.long, stream_interval=4, **asked)
    streamed.gathered(streamed.texts(plain.payloads), streamed.texts(found.payloads), 4, 9)


@requirement(
    "api/extensions/request-id",
    SHOULD,
    source=f"{VLLM}: request_id",
    profiles=("api",),
    honours=on_both("request_id"),
)
@both_ways
def test_request_id(ways: Ways, prompts: Prompts, way: str) -> None:
    """The id of an answer SHOULD end with the request's `request_id`.

    A request is found again in the logs of both sides by it.
    """
    id = "maccord-4711"
    found = ways.say(way, prompts.words, max_tokens=1, request_id=id)
    extensions.carries_id(found.body.get("id"), id)


@requirement(
    "api/extensions/prompt-text",
    SHOULD,
    source=f"{VLLM}: return_prompt_text, of chat",
    profiles=("api",),
    honours="chat.completions.create: return_prompt_text",
)
def test_prompt_text(ways: Ways, prompts: Prompts) -> None:
    """With `return_prompt_text` the answer SHOULD carry the prompt that the template made.

    What the model was really told is the first thing to look at when it answers oddly.
    """
    found = said(ways.ask.chat(prompts.words, max_tokens=1, return_prompt_text=True))
    wanted = vocabulary.rendered(ways.tokenizer, prompts.words)
    extensions.text_given("return_prompt_text", found.body.get("prompt_text"), wanted)
