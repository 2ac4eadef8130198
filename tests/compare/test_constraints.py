"""Answers are judged by the constraint that they were asked to keep."""

from __future__ import annotations

import pytest
from verdicts import Said, said

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


LONG = '{"city": "' + "x" * 300 + '"}'


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (
            lambda: constraints.conforms("Rome", SCHEMA, field="response_format"),
            Said(
                Silent,
                "`response_format` is accepted and the answer does not keep it",
                repr(SCHEMA),
                "'Rome'",
                cause="`response_format` is accepted and not kept",
            ),
        ),
        (
            lambda: constraints.conforms('{"city": "Rome"', SCHEMA, field="response_format"),
            Said(
                Failed,
                "An answer under a schema is not JSON",
                "JSON",
                "Expecting ',' delimiter: line 1 column 16 (char 15): '{\"city\": \"Rome\"'",
            ),
        ),
        (
            lambda: constraints.conforms(' ["Rome"', SCHEMA, field="response_format"),
            Said(
                Failed,
                "An answer under a schema is not JSON",
                "JSON",
                "Expecting ',' delimiter: line 1 column 9 (char 8): ' [\"Rome\"'",
            ),
        ),
        (
            lambda: constraints.conforms('{"city": "Oslo"}', SCHEMA, field="response_format"),
            Said(
                Failed,
                "An answer breaks the schema that it was asked to keep",
                repr(SCHEMA),
                "'{\"city\": \"Oslo\"}': 'Oslo' is not one of ['Rome', '東京']",
            ),
        ),
        (
            lambda: constraints.conforms(LONG, SCHEMA, field="response_format"),
            Said(
                Failed,
                "An answer breaks the schema that it was asked to keep",
                repr(SCHEMA),
                '\'{"city": "' + "x" * 300 + "\"}': '" + "x" * 199,
            ),
        ),
        (
            lambda: constraints.matches("12", r"\d{3}", field="structured_outputs.regex"),
            Said(
                Silent,
                "`structured_outputs.regex` is accepted and the answer does not keep it",
                "\\d{3}",
                "'12'",
                cause="`structured_outputs.regex` is accepted and not kept",
            ),
        ),
        (
            lambda: constraints.among(
                "no", iter(["yes", "maybe"]), field="structured_outputs.choice"
            ),
            Said(
                Silent,
                "`structured_outputs.choice` is accepted and the answer does not keep it",
                "['yes', 'maybe']",
                "'no'",
                cause="`structured_outputs.choice` is accepted and not kept",
            ),
        ),
        (
            lambda: constraints.in_order({"a": 2, "b": 1}, ["b", "a"]),
            Said(
                Failed, "Properties do not come in the schema's order", "['b', 'a']", "['a', 'b']"
            ),
        ),
    ],
)
def test_what_is_said_of_them(check, verdict):
    assert said(check) == verdict
