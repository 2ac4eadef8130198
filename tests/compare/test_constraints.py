"""Answers are judged by the constraint that they were asked to keep."""

from __future__ import annotations

import pytest

from conformance.compare import constraints
from conformance.outcomes import Failed, Silent

SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Rome", "東京"]}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("text", ['{"city": "Rome"}', '\n{ "city":\t"東京" }\n'])
def test_json_of_the_schema_passes(text):
    assert constraints.conforms(text, SCHEMA, field="response_format")


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("Rome", Silent),
        ('Here it is: {"city": "Rome"}', Silent),
        ('```json\n{"city": "Rome"}\n```', Silent),
        ("", Silent),
        ('{"city": "Rome"', Failed),
        ('{"city": "Rome"} and more', Failed),
        ('{"city": "Oslo"}', Failed),
        ('{"city": "Rome", "unit": 1}', Failed),
        ("{}", Failed),
        ('"Rome"', Failed),
        ("[" * 100_000, Failed),
    ],
)
def test_anything_else_is_judged(text, outcome):
    with pytest.raises(outcome):
        constraints.conforms(text, SCHEMA, field="response_format")


@pytest.mark.parametrize("text", ["12", "12\n", "a12", ""])
def test_a_regular_expression_holds_from_end_to_end(text):
    constraints.matches("123", r"\d{3}", field="structured_outputs.regex")
    with pytest.raises(Silent):
        constraints.matches(text, r"\d{3}", field="structured_outputs.regex")


@pytest.mark.parametrize("text", ["no", " yes", "yes.", ""])
def test_a_choice_is_kept_to_the_letter(text):
    constraints.among("yes", ["yes", "maybe"], field="structured_outputs.choice")
    with pytest.raises(Silent):
        constraints.among(text, ["yes", "maybe"], field="structured_outputs.choice")


def test_the_order_of_properties():
    constraints.in_order({"b": 1, "a": 2}, ["b", "a"])
    with pytest.raises(Failed):
        constraints.in_order({"a": 2, "b": 1}, ["b", "a"])
