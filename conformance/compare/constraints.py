"""Texts compared with the constraint that they were generated under."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import jsonschema

from conformance.outcomes import Failed, Silent

Schema = dict[str, Any]

ANY_OBJECT: Schema = {"type": "object"}


def conforms(text: str, schema: Schema, *, field: str) -> Any:
    """`text` is one JSON document that the schema allows; the document.

    Args:
        field: the request's field that asked for it.

    Raises:
        Silent: the text is no JSON at all, so that the field had no effect.
        Failed: the JSON is broken, or breaks the schema.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        # Without its fence, an object that a model wrote of its own accord is no answer either.
        if not text.lstrip().startswith(("{", "[")):
            raise _ignored(field, schema, text) from None
        raise Failed(
            "An answer under a schema is not JSON", expected="JSON", actual=f"{error}: {text!r}"
        ) from None
    try:
        jsonschema.Draft202012Validator(schema).validate(document)
    except jsonschema.ValidationError as error:
        raise Failed(
            "An answer breaks the schema that it was asked to keep",
            expected=schema,
            actual=f"{text!r}: {error.message[:200]}",
        ) from None
    return document


def matches(text: str, regex: str, *, field: str) -> None:
    """All of `text` matches the regular expression. Raises Silent."""
    if not re.fullmatch(regex, text):
        raise _ignored(field, regex, text)


def among(text: str, choices: Iterable[str], *, field: str) -> None:
    """`text` is one of the choices, to the letter. Raises Silent."""
    if text not in (listed := list(choices)):
        raise _ignored(field, listed, text)


def in_order(document: dict[str, Any], names: list[str]) -> None:
    """The document's keys come in this order. Raises Failed."""
    if list(document) != names:
        raise Failed(
            "Properties do not come in the schema's order", expected=names, actual=list(document)
        )


def _ignored(field: str, wanted: object, text: str) -> Silent:
    return Silent(
        f"`{field}` is accepted and the answer does not keep it",
        expected=wanted,
        actual=repr(text),
        cause=f"`{field}` is accepted and not kept",
    )
