"""Parameters that change nothing: they do not make a request fail, nor its answer another one."""

from __future__ import annotations

import pytest

from conformance.api.extensions import passive
from conformance.api.extensions.ways import Ways, said
from conformance.api.prompts import Prompts
from conformance.compare import extensions
from conformance.requirements import SHOULD, requirement

SOURCE = "vLLM: extra parameters of chat and completions, at values without effect"


@requirement(
    "api/extensions/passive-chat",
    SHOULD,
    source=SOURCE,
    profiles=("api",),
    accepts="chat.completions.create: {field}",
)
@pytest.mark.parametrize("field", passive.CHAT)
def test_passive_chat(ways: Ways, prompts: Prompts, field: str) -> None:
    """A chat with a parameter that changes nothing SHOULD be answered as without it.

    Gateways in front of production add them to every request; behind the same gateway a desk is
    to answer too.
    """
    plain = ways.say("chat", prompts.words, max_tokens=8)
    found = ways.say("chat", prompts.words, max_tokens=8, **{field: passive.CHAT[field]})
    extensions.same_answer(field, plain.text, found.text)


@requirement(
    "api/extensions/passive-completions",
    SHOULD,
    source=SOURCE,
    profiles=("api",),
    accepts="completions.create: {field}",
)
@pytest.mark.parametrize("field", passive.COMPLETIONS)
def test_passive_completions(ways: Ways, prompts: Prompts, field: str) -> None:
    """A completion with a parameter that changes nothing SHOULD be answered as without it.

    Gateways in front of production add them to every request; behind the same gateway a desk is
    to answer too.
    """
    plain = said(ways.ask.complete(prompts.series, max_tokens=4))
    asked = {field: passive.COMPLETIONS[field]}
    found = said(ways.ask.complete(prompts.series, max_tokens=4, **asked))
    extensions.same_answer(field, plain.text, found.text)


@requirement(
    "api/extensions/model-named",
    SHOULD,
    source="OpenAI completions.create: model; vLLM: the served name",
    profiles=("api",),
    honours="completions.create: model",
)
def test_model_named(ways: Ways, prompts: Prompts) -> None:
    """A completion SHOULD name the model that it was asked of.

    Logs of several models are told apart by it.
    """
    found = said(ways.ask.complete(prompts.series, max_tokens=1))
    extensions.text_given("model", found.body.get("model"), ways.ask.model)
