"""Constraints that nobody can keep, and fields that say nothing: all of them vLLM refuses."""

from __future__ import annotations

from typing import Any

from conformance.api.invalid import CHAT, COMPLETIONS, Invalid
from conformance.api.structured.schemas import DIGIT, WEATHER, object_of, response_format
from conformance.compare.constraints import Schema


def _format(value: Any) -> Invalid:
    return Invalid(CHAT, {"response_format": value})


def _schema(schema: Any) -> Invalid:
    return _format(response_format(schema))


def _property(schema: Schema) -> Invalid:
    return _schema(object_of(value=schema))


FORMATS = {
    "unknown-type": _format({"type": "yaml"}),
    "no-type": _format({}),
    "text": _format("json_object"),
    "no-schema": _format({"type": "json_schema"}),
    "no-name": _format({"type": "json_schema", "json_schema": {"schema": WEATHER}}),
    "schema-is-text": _schema("object"),
}
"""No `response_format` at all."""

SCHEMAS = {
    "unknown-type": _property({"type": "strin"}),
    "dangling-ref": _property({"$ref": "#/$defs/nowhere"}),
    "pattern": _property({"type": "string", "pattern": "([a"}),
    "properties-are-a-list": _schema({"type": "object", "properties": ["value"]}),
    "required-is-text": _schema({**object_of(value=DIGIT), "required": "value"}),
}
"""No JSON Schema."""

IMPOSSIBLE = {
    "bounds": _property({"type": "integer", "minimum": 5, "maximum": 3}),
    "array-length": _property({"type": "array", "items": DIGIT, "minItems": 5, "maxItems": 3}),
    "empty-enum": _property({"enum": []}),
    "forbidden-and-required": _schema(
        {"type": "object", "properties": {"value": False}, "required": ["value"]}
    ),
}
"""Schemas that allow nothing."""


def _structured(value: Any, **more: Any) -> Invalid:
    return Invalid(CHAT, {"structured_outputs": value, **more})


STRUCTURED = {
    "nothing": _structured({}),
    "unknown-kind": _structured({"xml": "a"}),
    "regex-and-choice": _structured({"regex": "a", "choice": ["a"]}),
    "json-and-grammar": _structured({"json": WEATHER, "grammar": 'root ::= "a"'}),
    "and-json-schema": _structured({"regex": "a"}, response_format=response_format(WEATHER)),
    "and-json-object": _structured({"choice": ["a"]}, response_format={"type": "json_object"}),
    "regex": _structured({"regex": "([a-"}),
    "regex-type": _structured({"regex": 5}),
    "regex-lookahead": _structured({"regex": "(?=a)b"}),
    "choice-empty": _structured({"choice": []}),
    "choice-type": _structured({"choice": "red"}),
    "choice-of-numbers": _structured({"choice": [1, 2]}),
    "grammar": _structured({"grammar": 'root ::= ("a"'}),
    "grammar-empty": _structured({"grammar": ""}),
    "grammar-unknown-rule": _structured({"grammar": "root ::= nowhere"}),
    "json-text": _structured({"json": "{"}),
}

LEGACY = {
    "response-format": Invalid(COMPLETIONS, {"response_format": {"type": "yaml"}}),
    "regex": Invalid(COMPLETIONS, {"structured_outputs": {"regex": "([a-"}}),
    "regex-and-choice": Invalid(
        COMPLETIONS, {"structured_outputs": {"regex": "a", "choice": ["a"]}}
    ),
}
"""On legacy completions, which OpenAI's API gives neither field."""
