"""The same request in another form has the same answer: stream, text, ids, template, name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from conformance.api import answers
from conformance.api.extensions.ways import Ways, both_ways, on_both, said
from conformance.api.metamorphic.streamed import whole_of
from conformance.api.prompts import Prompts
from conformance.compare import metamorphic, stops, streamed, vocabulary
from conformance.requirements import MUST, SHOULD, requirement

Messages = list[dict[str, Any]]


def _on_each(cases: Mapping[str, object], field: str) -> dict[str, str]:
    """What a requirement covers whose cases are of a way and of something else."""
    return {f"{way}-{case}": covered for way, covered in on_both(field).items() for case in cases}


STREAMED: dict[str, dict[str, Any]] = {"greedy": {}, "length": {"max_tokens": 2}}

SAMPLED: dict[str, dict[str, Any]] = {
    "sampled": {"temperature": 1, "seed": 11},
    "penalised": {"frequency_penalty": 1.5, "presence_penalty": 0.5},
    "narrowed": {"temperature": 2, "seed": 5, "top_p": 0.5},
}


def _stream_is_the_whole(ways: Ways, way: str, question: Messages, **parameters: Any) -> None:
    whole = ways.say(way, question, **parameters)
    stream = ways.stream(way, question, stream_options={"include_usage": True}, **parameters)
    found = whole_of(stream)
    metamorphic.alike(whole.text, found.text, "The text of a stream and that of the whole")
    metamorphic.alike(whole.finish_reason, found.finish_reason, "Their finish reasons")
    metamorphic.alike(
        (whole.prompt_tokens, whole.completion_tokens),
        (found.prompt_tokens, found.completion_tokens),
        "Their counts of tokens",
    )


@requirement(
    "api/metamorphic/stream",
    MUST,
    source="OpenAI chat.completions.create, completions.create: stream",
    profiles=("api",),
    alone=True,
    honours=_on_each(STREAMED, "stream"),
)
@pytest.mark.parametrize("asked", STREAMED.values(), ids=STREAMED)
@both_ways
def test_stream(ways: Ways, prompts: Prompts, way: str, asked: dict[str, Any]) -> None:
    """A streamed answer MUST be the whole one: text, finish reason and usage.

    A product shows the stream and its logs keep the whole; both are to be what the model said.
    """
    _stream_is_the_whole(ways, way, prompts.words, **{"max_tokens": 12, **asked})


@requirement(
    "api/metamorphic/stream-sampled",
    SHOULD,
    source="OpenAI chat.completions.create, completions.create: stream with seed, penalties",
    profiles=("api",),
    alone=True,
    honours=_on_each(SAMPLED, "stream"),
)
@pytest.mark.parametrize("asked", SAMPLED.values(), ids=SAMPLED)
@both_ways
def test_stream_sampled(ways: Ways, prompts: Prompts, way: str, asked: dict[str, Any]) -> None:
    """A sampled answer SHOULD be the same streamed and whole, given its `seed`.

    The stream is the same draw, told earlier: another sampler behind it is another model.
    """
    _stream_is_the_whole(ways, way, prompts.draw, **{"max_tokens": 12, **asked})


@requirement(
    "api/metamorphic/stream-stop",
    MUST,
    source="OpenAI chat.completions.create, completions.create: stream, stop",
    profiles=("api",),
    alone=True,
    honours=on_both("stream", "stop"),
)
@both_ways
def test_stream_stop(ways: Ways, prompts: Prompts, way: str) -> None:
    """A stream with a stop string MUST be the whole answer with it.

    What was sent cannot be taken back: a server that looks for the string piece by piece has sent
    its beginning.
    """
    plain = ways.say(way, prompts.words, max_tokens=16).text
    stop = [stops.straddling(plain)]
    whole = ways.say(way, prompts.words, max_tokens=16, stop=stop)
    stream = ways.stream(way, prompts.words, max_tokens=16, stop=stop)
    found = "".join(streamed.texts(stream.payloads))
    metamorphic.alike(whole.text, found, "A stopped stream and a stopped answer")


@requirement(
    "api/metamorphic/template",
    MUST,
    source="vLLM: chat is the completion of its rendered template",
    profiles=("api",),
    alone=True,
    honours="completions.create: prompt; chat.completions.create: messages",
)
@pytest.mark.parametrize("form", ["text", "ids"])
def test_template(ways: Ways, prompts: Prompts, form: str) -> None:
    """A chat MUST be answered as the completion of its rendered template is, as text or as ids.

    Evaluations render the template themselves, products leave it to the server: one model.
    """
    text = vocabulary.rendered(ways.tokenizer, prompts.words)
    prompt = ways.prompt(prompts.words)
    # The template writes the special tokens itself.
    special = {"add_special_tokens": False} if ways.tokenizer.encode(text) != prompt else {}
    chat = ways.say("chat", prompts.words, max_tokens=16)
    found = said(
        ways.ask.complete(text, max_tokens=16, **special)
        if form == "text"
        else ways.ask.complete(prompt, max_tokens=16)
    )
    metamorphic.alike(chat.text, found.text, "Chat and the completion of its template")
    metamorphic.alike(chat.prompt_tokens, found.prompt_tokens, "Their counts of the prompt")


@requirement(
    "api/metamorphic/template-logprobs",
    SHOULD,
    source="vLLM: chat is the completion of its rendered template",
    profiles=("api",),
    alone=True,
    honours="completions.create: logprobs; chat.completions.create: logprobs",
)
def test_template_logprobs(ways: Ways, prompts: Prompts) -> None:
    """A chat's tokens SHOULD be as likely as those of its template's completion.

    Scores of one model are compared across both.
    """
    chat = ways.send("chat", prompts.words, max_tokens=6, logprobs=True, top_logprobs=1)
    text = ways.send("completions", prompts.words, max_tokens=6, logprobs=1)
    one = [entry.logprob for entry in answers.chat_logprobs(chat)]
    _, scored = answers.completion_logprobs(text)
    metamorphic.near(one, [each or 0.0 for each in scored.token_logprobs], "Logprobs of both")


@requirement(
    "api/metamorphic/ids",
    MUST,
    source="OpenAI completions.create: prompt as a string or as an array of tokens",
    profiles=("api",),
    alone=True,
    honours="completions.create: prompt",
)
@pytest.mark.parametrize("which", ["series", "second"])
def test_ids(ways: Ways, prompts: Prompts, which: str) -> None:
    """A text MUST be completed as its token ids are, and counted alike.

    Ids that are decoded and encoded again become other tokens.
    """
    text = str(getattr(prompts, which))
    one = said(ways.ask.complete(text, max_tokens=6))
    other = said(ways.ask.complete(ways.tokenizer.encode(text), max_tokens=6))
    metamorphic.alike(one.text, other.text, "The completions of a text and of its ids")
    metamorphic.alike(one.prompt_tokens, other.prompt_tokens, "Their counts of the prompt")


@requirement(
    "api/metamorphic/max-completion-tokens",
    MUST,
    source="OpenAI chat.completions.create: max_completion_tokens in place of max_tokens",
    profiles=("api",),
    alone=True,
    honours="chat.completions.create: max_completion_tokens, max_tokens",
)
def test_max_completion_tokens(ways: Ways, prompts: Prompts) -> None:
    """`max_completion_tokens` MUST cut where `max_tokens` does.

    Newer clients send the one, older ones the other.
    """
    old = ways.say("chat", prompts.words, max_tokens=3)
    new = ways.say("chat", prompts.words, max_completion_tokens=3)
    metamorphic.alike(old.text, new.text, "Answers with either name of the limit")
    metamorphic.alike(old.completion_tokens, new.completion_tokens, "Their lengths")
