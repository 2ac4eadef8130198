"""Constraints together with everything else that a request may ask for."""

from __future__ import annotations

import pytest

from conformance.api import answers, expect
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.api.structured import combined
from conformance.api.structured.asking import Constrained
from conformance.api.structured.constraints import FORMATS, KINDS
from conformance.api.structured.schemas import WEATHER, response_format
from conformance.compare import constraints, texts
from conformance.requirements import MUST, SHOULD, requirement

CHAT, LEGACY = "chat.completions.create", "completions.create"
API = ("api",)
FORMAT = "OpenAI chat.completions.create: response_format"
VLLM = "vLLM: structured_outputs"


@requirement(
    "api/structured/sampled",
    MUST,
    source=f"{FORMAT}; temperature, seed",
    profiles=API,
    honours=f"{CHAT}: response_format",
)
@pytest.mark.parametrize("kind", FORMATS)
def test_sampled(constrained: Constrained, kind: str) -> None:
    """A `response_format` MUST be kept at temperature 1, whatever the seed.

    A server that only asks the model nicely gets it right while the best token is taken; one
    sample in twenty breaks the pipeline at night.
    """
    for text in constrained.chat_texts(**FORMATS[kind].parameters):
        FORMATS[kind].kept_by(text)


@requirement(
    "api/structured/sampled-constraint",
    SHOULD,
    source=f"{VLLM}; temperature, seed",
    profiles=API,
    honours=f"{CHAT}: structured_outputs",
)
@pytest.mark.parametrize("kind", KINDS)
def test_sampled_constraint(constrained: Constrained, kind: str) -> None:
    """A constraint of `structured_outputs` SHOULD be kept at temperature 1, whatever the seed.

    A server that only asks the model nicely gets it right while the best token is taken.
    """
    for text in constrained.chat_texts(**KINDS[kind].parameters):
        KINDS[kind].kept_by(text)


@requirement(
    "api/structured/stream",
    MUST,
    source=f"{FORMAT}; stream",
    profiles=API,
    honours=f"{CHAT}: response_format, stream",
)
@pytest.mark.parametrize("kind", FORMATS)
def test_stream(constrained: Constrained, kind: str) -> None:
    """The deltas of a stream under a `response_format`, joined, MUST keep it, and end with `stop`.

    Forms that fill while the answer comes parse what has arrived so far.
    """
    FORMATS[kind].kept_by(constrained.chat_streamed(**FORMATS[kind].parameters))


@requirement(
    "api/structured/stream-constraint",
    SHOULD,
    source=f"{VLLM}; stream",
    profiles=API,
    honours=f"{CHAT}: structured_outputs, stream",
)
@pytest.mark.parametrize("kind", KINDS)
def test_stream_constraint(constrained: Constrained, kind: str) -> None:
    """The deltas of a stream under a constraint, joined, SHOULD keep it, and end with `stop`.

    A constraint that holds for whole answers only is lost in every chat front end.
    """
    KINDS[kind].kept_by(constrained.chat_streamed(**KINDS[kind].parameters))


@requirement(
    "api/structured/completion-stream",
    SHOULD,
    source=f"{VLLM}; stream",
    profiles=API,
    honours=f"{LEGACY}: structured_outputs, stream",
)
@pytest.mark.parametrize("kind", ["json", "choice"])
def test_completion_stream(constrained: Constrained, kind: str) -> None:
    """A streamed legacy completion under a constraint SHOULD keep it, and end with `stop`.

    A constraint that holds for whole answers only is lost where answers are shown as they come.
    """
    KINDS[kind].kept_by(constrained.completion_streamed(**KINDS[kind].parameters))


@requirement(
    "api/structured/length",
    MUST,
    source=f"{FORMAT}: JSON may be cut where finish_reason is length",
    profiles=API,
    honours=f"{CHAT}: max_tokens",
    accepts=f"{CHAT}: response_format",
)
def test_length(constrained: Constrained) -> None:
    """JSON that `max_tokens` cuts MUST give the `finish_reason` `length`, and begin as JSON.

    The reason is all that tells a client to ask again instead of reporting a broken answer.
    """
    asked = response_format(WEATHER, strict=True)
    answer = answers.chat(constrained.chat(response_format=asked, max_tokens=4))
    combined.cut_json(answer)


@requirement(
    "api/structured/n",
    SHOULD,
    source=f"{FORMAT}; n",
    profiles=API,
    honours=f"{CHAT}: response_format, n",
)
def test_n(constrained: Constrained) -> None:
    """Each of `n` choices SHOULD keep the `response_format`.

    Majority votes parse all of them; one that is free text voids the vote.
    """
    asked = response_format(WEATHER, strict=True)
    # vLLM refuses several choices at temperature 0, where all would be the same.
    answer = constrained.chat_answer(response_format=asked, n=3, temperature=1)
    combined.choices(answer, 3)
    for text in answer.texts:
        constraints.conforms(text, WEATHER, field="response_format")


@requirement(
    "api/structured/several-prompts",
    SHOULD,
    source=f"{VLLM}; several prompts",
    profiles=API,
    honours=f"{LEGACY}: structured_outputs, prompt",
)
def test_several_prompts(constrained: Constrained, ask: Ask) -> None:
    """Each of several legacy prompts SHOULD be answered under the constraint.

    Batches are sent so; a constraint that ends with the first prompt leaves the others free.
    """
    kind = KINDS["choice"]
    prompts = [constrained.question.text, "a b c d", "1 2 3"]
    answer = answers.completion(ask.complete(prompts, max_tokens=16, **kind.parameters))
    combined.choices(answer, 3)
    for text in answer.texts:
        kind.kept_by(text)


@requirement(
    "api/structured/logprobs",
    MUST,
    source=f"{FORMAT}; logprobs",
    profiles=API,
    honours=f"{CHAT}: logprobs",
    accepts=f"{CHAT}: response_format",
)
def test_logprobs(constrained: Constrained) -> None:
    """The tokens of `logprobs` MUST be those of the answer under a `response_format` too.

    Confidence of an extracted value is read from its tokens; shifted by one it is another's.
    """
    asked = response_format(WEATHER, strict=True)
    response = constrained.chat(response_format=asked, logprobs=True, top_logprobs=2)
    combined.tokens_of_answer(answers.chat_logprobs(response), answers.chat(response))


@requirement(
    "api/structured/stop",
    SHOULD,
    source=f"{VLLM}; stop",
    profiles=API,
    honours=f"{CHAT}: stop",
    accepts=f"{CHAT}: structured_outputs",
)
def test_stop(constrained: Constrained) -> None:
    """A `stop` string SHOULD end an answer under a constraint, complete or not.

    A request that asks for both means both: the stop string is where its next step begins.
    """
    asked = {"structured_outputs": {"regex": "a{3}b{2}c"}, "stop": ["b"]}
    answer = answers.chat(constrained.chat(**asked, max_tokens=16))
    expect.same((answer.text, answer.finish_reason), ("aaa", "stop"), what="The stopped answer")


@requirement(
    "api/structured/tools-offered",
    MUST,
    source=f"{FORMAT}; tools with tool_choice none",
    profiles=API,
    honours=f"{CHAT}: response_format",
    accepts=f"{CHAT}: tools, tool_choice",
)
def test_tools_offered(constrained: Constrained, prompts: Prompts) -> None:
    """With tools offered and `tool_choice` `none` the answer MUST keep the `response_format`.

    Agents end so: the same tools stand in the request, and the last answer is to be a report.
    """
    answer = constrained.chat_answer(
        response_format=response_format(WEATHER, strict=True),
        tools=prompts.tools,
        tool_choice="none",
    )
    constraints.conforms(answer.text, WEATHER, field="response_format")


@requirement(
    "api/structured/reasoning",
    SHOULD,
    source=f"{VLLM}: the constraint begins where the reasoning ends",
    profiles=API,
    honours=f"{CHAT}: structured_outputs",
    accepts=f"{CHAT}: chat_template_kwargs",
)
def test_reasoning(constrained: Constrained) -> None:
    """A model that thinks SHOULD do so freely, and its `content` then keep the constraint.

    Thoughts forced into a form are worthless, and so is a form with thoughts in it.
    """
    choices = ["41", "42"]
    response = constrained.ask.chat(
        constrained.question.thinking,
        max_tokens=100,
        structured_outputs={"choice": choices},
        chat_template_kwargs={"enable_thinking": True},
    )
    constraints.among(answers.chat(response).text, choices, field="structured_outputs.choice")


@requirement(
    "api/structured/only-its-own-request",
    MUST,
    source="vLLM: a constraint is one request's",
    profiles=API,
    alone=True,
    honours=f"{CHAT}: response_format",
)
def test_only_its_own_request(constrained: Constrained, ask: Ask, prompts: Prompts) -> None:
    """A constraint MUST end with its request: the next one is answered freely.

    A grammar left in the sampler gives the next user JSON for an answer.
    """
    before = answers.chat(ask.chat(prompts.words, max_tokens=16)).text
    asked = response_format(WEATHER, strict=True)
    expect.chat(constrained.chat(response_format=asked, max_tokens=8))
    after = answers.chat(ask.chat(prompts.words, max_tokens=16)).text
    texts.equal(before, after, "After a request with a schema a plain one is answered otherwise")
