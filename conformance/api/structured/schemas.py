"""Schemas that requirements ask for, one part of JSON Schema each.

Each allows short answers only, so that any model ends: values are of an enumeration, bounded or of
a fixed length. The root is an object, as OpenAI asks for; vLLM takes any root.
"""

from __future__ import annotations

from typing import Any

from conformance.compare.constraints import Schema


def object_of(**properties: Schema) -> Schema:
    """An object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


CITY: Schema = {"enum": ["Paris", "Rome", "Oslo"]}
UNIT: Schema = {"enum": ["celsius", "fahrenheit"]}
DIGIT: Schema = {"type": "integer", "minimum": 0, "maximum": 9}

WEATHER = object_of(city=CITY, unit=UNIT)
"""The plainest one, for requirements on anything else than the schema."""

SCHEMAS: dict[str, Schema] = {
    "enum": WEATHER,
    "enum-of-types": object_of(value={"enum": ["high", 7, True, None]}),
    "const": object_of(kind={"const": "weather report"}, version={"const": 2}),
    "nested": object_of(place=object_of(city=CITY, country=object_of(code={"enum": ["FR", "IT"]}))),
    "ref": {
        "$defs": {"city": CITY, "leg": object_of(start={"$ref": "#/$defs/city"}, day=DIGIT)},
        **object_of(outward={"$ref": "#/$defs/leg"}, back={"$ref": "#/$defs/leg"}),
    },
    "recursive": {
        "$defs": {
            "node": object_of(
                on={"type": "boolean"},
                next={"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]},
            )
        },
        "$ref": "#/$defs/node",
    },
    "pattern": object_of(plate={"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"}),
    "date": object_of(day={"type": "string", "format": "date"}),
    "string-length": object_of(word={"type": "string", "minLength": 3, "maxLength": 6}),
    "integer-bounds": object_of(year={"type": "integer", "minimum": 1987, "maximum": 1989}),
    "integer-exclusive": object_of(
        level={"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5}
    ),
    "integer-negative": object_of(degrees={"type": "integer", "minimum": -12, "maximum": -10}),
    "number-bounds": object_of(share={"type": "number", "minimum": 0.5, "maximum": 1}),
    "boolean": object_of(sunny={"type": "boolean"}),
    "array-length": object_of(
        digits={"type": "array", "items": DIGIT, "minItems": 2, "maxItems": 3}
    ),
    "array-empty": object_of(rest={"type": "array", "items": DIGIT, "maxItems": 0}),
    "array-of-objects": object_of(
        cities={"type": "array", "items": object_of(city=CITY), "minItems": 2, "maxItems": 2}
    ),
    "tuple": object_of(
        pair={
            "type": "array",
            "prefixItems": [{"type": "boolean"}, UNIT],
            "items": False,
            "minItems": 2,
        }
    ),
    "any-of": object_of(wind={"anyOf": [DIGIT, {"const": "none"}, object_of(gusts=DIGIT)]}),
    "nullable": object_of(rain={"type": ["boolean", "null"]}),
    "null": object_of(nothing={"type": "null"}),
    "unicode": object_of(**{"größe": {"enum": ["Zürich", "東京", "🙂"]}}),
    "escapes": object_of(text={"enum": ['say "hi"', "a \\ b", "two\nlines"]}),
    "optional": {
        "type": "object",
        "properties": {"city": CITY, "unit": UNIT},
        "required": ["city"],
        "additionalProperties": False,
    },
    "empty": object_of(),
}
"""By what of JSON Schema is asked for."""

RARER: dict[str, Schema] = {
    "map": {
        "type": "object",
        "additionalProperties": DIGIT,
        "propertyNames": {"enum": ["rain", "snow"]},
        "minProperties": 1,
        "maxProperties": 2,
    },
    "multiple-of": object_of(
        minute={"type": "integer", "multipleOf": 5, "minimum": 0, "maximum": 9}
    ),
    "one-of": object_of(sky={"oneOf": [{"const": "clear"}, {"const": "cloudy"}]}),
    "unique-items": object_of(
        draw={"type": "array", "items": DIGIT, "uniqueItems": True, "minItems": 3, "maxItems": 3}
    ),
}
"""What OpenAI refuses in a strict schema; production keeps some of it and refuses some.

Nothing of the kind is asked for that vLLM 0.32 takes and does not keep: `allOf` of several, `not`,
`if`, and `multipleOf` without a `minimum`."""

ORDER = object_of(zebra=DIGIT, apple=DIGIT, mango=DIGIT)
"""Neither sorted nor in an order that a model would choose."""

ROOTS: dict[str, Schema] = {
    "integer": {"type": "integer", "minimum": 17, "maximum": 19},
    "string": CITY,
    "array": {"type": "array", "items": DIGIT, "minItems": 2, "maxItems": 3},
    "any-of": {"anyOf": [object_of(day=DIGIT), {"const": "never"}]},
}
"""Roots that OpenAI refuses and vLLM takes."""


def response_format(schema: Schema, **more: Any) -> dict[str, Any]:
    """OpenAI's `response_format` for a schema; `more` stands beside it, such as `strict`."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **more}}
