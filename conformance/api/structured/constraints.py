"""Constraints of each kind, with what keeps them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from conformance.api.structured.schemas import WEATHER, response_format
from conformance.compare import constraints
from conformance.outcomes import Failed

REGEXES = {
    "digits": r"\d{3}-\d{4}",
    "alternatives": r"(ja|nein|vielleicht)",
    "classes": r"[A-Z][a-z]{2,5} [0-9]{1,3}",
    "optional": r"(very )?(warm|cold)!?",
    "unicode": r"[äöü]{3}🙂",
    "negated": r"[^a-zA-Z\s]{4}",
    "anchored": r"^x{2}$",
    "escaped": r"\(\d\.\d\)\\",
}
"""Of a bounded length, in the dialect that Python and vLLM's engines share."""

CHOICES = {
    "words": ["red", "green", "blue"],
    "one-begins-another": ["no", "nobody", "none of these"],
    "spaces": [" red ", "dark  blue"],
    "unicode": ["größer", "東京", "🙂🙃"],
    "escapes": ['say "yes"', "a \\ b", "two\nlines"],
    "single": ["the only one"],
}

GRAMMARS = {
    "gbnf": ('root ::= "yes" | "no"', "yes|no"),
    "rules": (
        'root ::= greeting " " name\ngreeting ::= "Hello" | "Salut"\nname ::= "Ada" | "Zoë"',
        "(Hello|Salut) (Ada|Zoë)",
    ),
    "classes": ('root ::= "<" [0-9] [a-f] ">"', "<[0-9][a-f]>"),
    "lark": ('start: sum\nsum: /[0-9]/ "+" /[0-9]/', r"[0-9]\+[0-9]"),
}
"""A grammar, and the regular expression of the same language."""


@dataclass(frozen=True)
class Constraint:
    """A request's parameters, and what raises where a text does not keep them."""

    parameters: dict[str, Any]
    kept_by: Callable[[str], object]


def _structured(kind: str, value: Any, kept_by: Callable[..., object], *told: Any) -> Constraint:
    def kept(text: str) -> object:
        return kept_by(text, *told, field=f"structured_outputs.{kind}")

    return Constraint({"structured_outputs": {kind: value}}, kept)


KINDS = {
    "json": _structured("json", WEATHER, constraints.conforms, WEATHER),
    "regex": _structured("regex", REGEXES["digits"], constraints.matches, REGEXES["digits"]),
    "choice": _structured("choice", CHOICES["words"], constraints.among, CHOICES["words"]),
    "grammar": _structured(
        "grammar", GRAMMARS["rules"][0], constraints.matches, GRAMMARS["rules"][1]
    ),
}
"""vLLM's own, one of each kind."""

_kept = partial(constraints.conforms, field="response_format")

FORMATS = {
    "json-object": Constraint(
        {"response_format": {"type": "json_object"}},
        lambda text: _kept(text, constraints.ANY_OBJECT),
    ),
    "json-schema": Constraint(
        {"response_format": response_format(WEATHER, strict=True)},
        lambda text: _kept(text, WEATHER),
    ),
}
"""OpenAI's."""

GUIDED: dict[str, Any] = {
    "guided_json": WEATHER,
    "guided_regex": REGEXES["digits"],
    "guided_choice": CHOICES["words"],
    "guided_grammar": GRAMMARS["gbnf"][0],
}


def guided_has_no_effect(plain: str, guided: str, name: str) -> None:
    """The answer with a former field of vLLM's is the one without. Raises Failed."""
    if guided != plain:
        raise Failed(
            f"`{name}` has an effect, and production ignores it",
            expected=repr(plain),
            actual=repr(guided),
            cause="vLLM's former guided_… fields have an effect",
        )
