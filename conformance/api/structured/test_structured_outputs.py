"""vLLM's own `structured_outputs`: regular expressions, choices, grammars and schemas."""

from __future__ import annotations

import json

import pytest

from conformance.api import answers
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.api.structured.asking import Constrained
from conformance.api.structured.constraints import (
    CHOICES,
    GRAMMARS,
    GUIDED,
    KINDS,
    REGEXES,
    guided_has_no_effect,
)
from conformance.api.structured.schemas import WEATHER
from conformance.compare import constraints
from conformance.requirements import SHOULD, requirement

FIELD = "structured_outputs"
CHAT, LEGACY = f"chat.completions.create: {FIELD}", f"completions.create: {FIELD}"
VLLM = "vLLM: structured_outputs"
API = ("api",)


@requirement("api/structured/regex", SHOULD, source=f"{VLLM}.regex", profiles=API, honours=CHAT)
@pytest.mark.parametrize("case", REGEXES)
def test_regex(constrained: Constrained, case: str) -> None:
    """An answer under a `regex` SHOULD match it from its first to its last character.

    Forms of ids and telephone numbers are asked for so; what comes back is used as a key.
    """
    answer = constrained.chat_answer(structured_outputs={"regex": REGEXES[case]})
    constraints.matches(answer.text, REGEXES[case], field=f"{FIELD}.regex")


@requirement("api/structured/choice", SHOULD, source=f"{VLLM}.choice", profiles=API, honours=CHAT)
@pytest.mark.parametrize("case", CHOICES)
def test_choice(constrained: Constrained, case: str) -> None:
    """An answer under `choice` SHOULD be one of the texts, to the letter.

    Routers look the answer up in a table; a word more or a space, and it is not there.
    """
    answer = constrained.chat_answer(structured_outputs={"choice": CHOICES[case]})
    constraints.among(answer.text, CHOICES[case], field=f"{FIELD}.choice")


@requirement("api/structured/grammar", SHOULD, source=f"{VLLM}.grammar", profiles=API, honours=CHAT)
@pytest.mark.parametrize("case", GRAMMARS)
def test_grammar(constrained: Constrained, case: str) -> None:
    """An answer under a `grammar` SHOULD be a sentence of it.

    Queries in small languages are generated so and run at once. (vLLM takes the forms of GBNF and
    of Lark.)
    """
    grammar, regex = GRAMMARS[case]
    answer = constrained.chat_answer(structured_outputs={"grammar": grammar})
    constraints.matches(answer.text, regex, field=f"{FIELD}.grammar")


@requirement("api/structured/json", SHOULD, source=f"{VLLM}.json", profiles=API, honours=CHAT)
@pytest.mark.parametrize("form", ["object", "text"])
def test_json(constrained: Constrained, form: str) -> None:
    """An answer under `json` SHOULD be JSON that the schema allows, given as an object or as text.

    It is what libraries send that were written for vLLM before it knew `response_format`.
    """
    schema = WEATHER if form == "object" else json.dumps(WEATHER)
    answer = constrained.chat_answer(structured_outputs={"json": schema})
    constraints.conforms(answer.text, WEATHER, field=f"{FIELD}.json")


@requirement(
    "api/structured/completion-constraint", SHOULD, source=VLLM, profiles=API, honours=LEGACY
)
@pytest.mark.parametrize("kind", KINDS)
def test_completion_constraint(constrained: Constrained, kind: str) -> None:
    """A legacy completion under a constraint SHOULD keep it.

    Pipelines that render their own prompts use the legacy route with all that production adds.
    """
    constraint = KINDS[kind]
    constraint.kept_by(constrained.completion_answer(**constraint.parameters).text)


@requirement(
    "api/structured/guided-ignored",
    SHOULD,
    source="vLLM 0.26 and 0.32: guided_… are unknown fields, which are ignored",
    profiles=API,
    alone=True,
    accepts="chat.completions.create:",
)
@pytest.mark.parametrize("name", GUIDED)
def test_guided_ignored(ask: Ask, prompts: Prompts, name: str) -> None:
    """vLLM's former `guided_…` fields SHOULD have no effect, or be refused.

    Production ignores them: `structured_outputs` has taken their place. On a desk that keeps them
    a client that was never moved works, and its answers are free text in production.
    """
    plain = answers.chat(ask.chat(prompts.words, max_tokens=16)).text
    guided = ask.chat(prompts.words, max_tokens=16, **{name: GUIDED[name]})
    guided_has_no_effect(plain, answers.chat(guided).text, name)
