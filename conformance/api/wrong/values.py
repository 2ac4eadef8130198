"""Wrong values of a field, by class: what each class is drawn from, and which a field has.

A class is a sort of wrongness on which a server decides in one place: every text where a number
belongs, every negative number. Production's answers are on file by class
(`conformance.api.wrong.production`), and what is sent is drawn from it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fixtures.openai.kinds import ANY

Json = object

LEFT_OUT: Json = object()
"""In place of a value: the field is not in the request."""

KINDS = ("type", "range", "enum", "null", "missing")

_LETTERS = st.characters(categories=("L", "Zs", "P"), exclude_characters='"\\')
_TEXT = st.text(_LETTERS, min_size=1, max_size=12).map("~".__add__)  # no number, no known word
_OBJECT = st.dictionaries(_TEXT, _TEXT, min_size=1, max_size=3)

CLASSES: dict[str, SearchStrategy[Json]] = {
    "text": _TEXT,
    "digits": st.integers(1, 9).map(str),
    "boolean": st.booleans(),
    "integer": st.integers(2, 9),
    "fraction": st.integers(0, 8).map(lambda number: number + 0.5),
    "array": st.lists(_TEXT, min_size=1, max_size=3),
    "object": _OBJECT,
    "array of nulls": st.lists(st.just([None]) | st.none(), min_size=1, max_size=3),
    "unknown members": _OBJECT,
    "unknown value": _TEXT,
    "negative": st.integers(-(2**31), -3),
    "zero": st.just(0),
    "huge": st.integers(2**63, 2**70),
    "not a number": st.sampled_from([math.nan, math.inf, -math.inf]),
    "empty text": st.just(""),
    "empty array": st.just([]),
    "empty object": st.just({}),
    "huge integers": st.lists(st.integers(2**31, 2**66), min_size=1, max_size=3),
    "null": st.none(),
    "left out": st.just(LEFT_OUT),
}


def wrong(kinds: frozenset[str], *, required: bool) -> dict[str, tuple[str, ...]]:
    """The classes of values that a field of these kinds has wrong, by their kind of `KINDS`.

    Some are wrong by OpenAI's or vLLM's types alone, and production takes them all the same: what
    is required of them is what it answers.
    """
    if ANY in kinds:
        found: dict[str, list[str]] = {"type": [], "range": [], "enum": []}
    else:
        values = [json.loads(kind) for kind in kinds if _is_value(kind)]
        found = {
            "type": list(_of_another_type(kinds, values)),
            "range": list(_out_of_range(kinds)),
            "enum": ["unknown value"] if values and "string" not in kinds else [],
        }
    found["null"] = [] if {"null", ANY} & kinds else ["null"]
    found["missing"] = ["left out"] if required else []
    return {kind: tuple(classes) for kind, classes in found.items() if classes}


def _is_value(kind: str) -> bool:
    return kind.startswith('"') or kind in ("true", "false")


def _of_another_type(kinds: frozenset[str], values: list[Json]) -> Iterator[str]:
    number = bool({"number", "integer"} & kinds)
    if "string" not in kinds and not any(isinstance(value, str) for value in values):
        yield "text"
        if number:
            yield "digits"
    if "boolean" not in kinds:
        yield "boolean"
    if not number:
        yield "integer"
    if "number" not in kinds:
        yield "fraction"
    yield "array of nulls" if "array" in kinds else "array"
    yield "unknown members" if "object" in kinds else "object"


def _out_of_range(kinds: frozenset[str]) -> Iterator[str]:
    if {"number", "integer"} & kinds:
        yield from ("negative", "zero", "huge", "not a number")
    if "string" in kinds:
        yield "empty text"
    if "array" in kinds:
        yield from ("empty array", "huge integers")
    if "object" in kinds:
        yield "empty object"
