"""Constraints of the suite's own requirements, and what is judged beside them."""

from __future__ import annotations

import re

import jsonschema
import pytest
from openai.types.chat import ChatCompletionTokenLogprob

from conformance.api.answers import Answer
from conformance.api.structured import asking, combined, constraints, schemas, wrong
from conformance.outcomes import Failed, Inconclusive, Silent


def answer(text: str, reason: str = "stop", indices: tuple[int, ...] = (0,)) -> Answer:
    return Answer(text, reason, [text] * len(indices), list(indices), [reason] * len(indices), None)


TABLES = {**schemas.SCHEMAS, **schemas.RARER, **schemas.ROOTS, "order": schemas.ORDER}


@pytest.mark.parametrize("case", TABLES)
def test_every_schema_is_one(case):
    jsonschema.Draft202012Validator.check_schema(TABLES[case])
    for free in ("Hello!", {"any": "thing"}, None, [1] * 9):
        assert not jsonschema.Draft202012Validator(TABLES[case]).is_valid(free)


@pytest.mark.parametrize("case", constraints.REGEXES)
def test_no_regular_expression_matches_free_text(case):
    assert not re.fullmatch(constraints.REGEXES[case], "Hello! How can I help you today?")


@pytest.mark.parametrize("kind", {**constraints.KINDS, **constraints.FORMATS})
def test_every_constraint_is_broken_by_free_text(kind):
    found = {**constraints.KINDS, **constraints.FORMATS}[kind]
    with pytest.raises(Silent):
        found.kept_by("Hello! How can I help you today?")


def test_impossible_schemas_allow_nothing():
    for request in wrong.IMPOSSIBLE.values():
        schema = request.changes["response_format"]["json_schema"]["schema"]
        validator = jsonschema.Draft202012Validator(schema)
        assert not any(validator.is_valid({"value": value}) for value in (3, 4, 5, None, [1] * 4))


def test_an_answer_that_was_cut_is_asked_for_again():
    asked = []

    def ask(more):
        asked.append(more)
        return answer("{", "length") if len(asked) < 3 else answer("{}")

    assert asking.ended(ask).text == "{}"
    assert asked == list(asking.TRIES[:3])


def test_answers_that_are_all_cut_decide_nothing():
    with pytest.raises(Inconclusive):
        asking.ended(lambda more: answer("{", "length"))


def test_another_finish_reason_is_a_fault():
    with pytest.raises(Failed):
        asking.ended(lambda more: answer("{}", "tool_calls"))


def test_cut_json():
    combined.cut_json(answer('{"city', "length"))
    with pytest.raises(Silent):
        combined.cut_json(answer("Hello! How", "length"))
    for text, reason in (('{"city"', "stop"), ("{}", "length")):
        with pytest.raises(Failed):
            combined.cut_json(answer(text, reason))


def test_choices():
    combined.choices(answer("a", indices=(1, 0)), 2)
    with pytest.raises(Silent):
        combined.choices(answer("a"), 2)
    with pytest.raises(Failed):
        combined.choices(answer("a", indices=(0, 0)), 2)


def scored(*tokens: str) -> list[ChatCompletionTokenLogprob]:
    return [
        ChatCompletionTokenLogprob(
            token=token, bytes=list(token.encode()), logprob=-1.0, top_logprobs=[]
        )
        for token in tokens
    ]


def test_tokens_of_an_answer():
    combined.tokens_of_answer(scored("{", "}"), answer("{}"))
    combined.tokens_of_answer(scored("{", "}", "<end>"), answer("{}"))
    for tokens in ((), ("{",), ("}", "{"), ("{", "}", "<end>", "<end>")):
        with pytest.raises(Failed):
            combined.tokens_of_answer(scored(*tokens), answer("{}"))


def test_a_former_field_with_an_effect_is_a_fault():
    constraints.guided_has_no_effect("a", "a", "guided_regex")
    with pytest.raises(Failed):
        constraints.guided_has_no_effect("a", "b", "guided_regex")
