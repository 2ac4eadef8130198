"""The requirement marker, and what it says about a test function.

A requirement is a pytest test function whose docstring is the requirement: one RFC 2119 sentence
first, then why it matters. The decorator adds what a docstring cannot hold: a stable id, the
level, the profiles and the source::

    @requirement("api/chat/stop-list", MUST, source="OpenAI chat.completions.create: stop")
    def test_stop_list(chat):
        \"\"\"The server MUST end the answer before any string of the `stop` list.

        Agents cut the model's answer at their own markers; a marker that leaks is run as code.
        \"\"\"
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest

from conformance.coverage.claims import Claims, Words
from conformance.outcomes import Level

MUST, SHOULD, MAY = Level.MUST, Level.SHOULD, Level.MAY

PROFILES = ("core", "api", "serving", "numerics", "numerics-quantized", "kernels")
"""Profiles that exist. `core` is contained in `api`; the others have requirements of their own."""

PER_MODEL = "numerics/"
"""Requirements of this area hold of a server with one model: a run gives each of them the model's
name as its case, `numerics/distribution/kl[llama-gqa]`, whether it measures one or several."""

_ID = re.compile(r"[a-z]+(/[a-z0-9-]+){2,}")

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Requirement:
    """One testable statement.

    `id` is stable across releases; a parametrised requirement carries its case in brackets
    (`api/errors/wrong-type[temperature]`) and each case is a requirement of its own.
    """

    id: str
    level: Level
    title: str
    why: str
    source: str
    profiles: tuple[str, ...]
    alone: bool = False
    covers: tuple[str, ...] = ()
    """Parameters of operations, as `conformance.coverage.claims` writes them."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Requirement:
        """From the fields as JSON has them."""
        lists = {name: tuple(data.get(name, ())) for name in ("profiles", "covers")}
        return cls(**{**data, "level": Level(data["level"]), **lists})


def requirement(
    id: str,
    level: Level,
    *,
    source: str,
    profiles: tuple[str, ...] = ("core", "api"),
    alone: bool = False,
    accepts: Words = "",
    honours: Words = "",
    refuses: Words = "",
) -> Callable[[_Function], _Function]:
    """Mark a test function as a requirement.

    Args:
        id: area and name, lower case, separated by `/`.
        level: MUST, SHOULD or MAY; the docstring's first sentence must contain the word.
        source: the field of the OpenAI API, the vLLM behaviour or the paper.
        profiles: the profiles that contain it.
        alone: no other request of this run may be in flight meanwhile (exact repetition,
            timing). Such requirements run last.
        accepts, honours, refuses: the parameters that it covers, as `coverage.claims` reads them.

    Raises:
        ValueError: the id, docstring or a profile is not as the rules above say.
    """

    def mark(function: _Function) -> _Function:
        sentence, why = _docstring(function, id)
        if not _ID.fullmatch(id):
            raise ValueError(f"requirement id {id!r} is not of the form area/resource/name")
        if not re.search(rf"\b{level.value}\b", sentence):
            raise ValueError(f"{id}: the first sentence must contain {level.value}: {sentence!r}")
        if unknown := set(profiles) - set(PROFILES):
            raise ValueError(f"{id}: unknown profile {', '.join(sorted(unknown))}")
        stated = Requirement(id, level, sentence, why, source, profiles, alone)
        claims = Claims(id, accepts, honours, refuses)
        marked: _Function = pytest.mark.requirement(stated, claims)(function)
        return marked

    return mark


def requirement_of(item: pytest.Item) -> Requirement | None:
    """The requirement that a collected test item stands for, or None."""
    mark = item.get_closest_marker("requirement")
    if mark is None:
        return None
    stated: Requirement = mark.args[0]
    claims: Claims = mark.args[1]
    case = getattr(item, "callspec", None)
    if case is None:
        return replace(stated, covers=claims.of())
    covers = claims.of(case.id, case.params)
    return replace(stated, id=f"{stated.id}[{case.id}]", covers=covers)


def stated_by(function: Callable[..., Any]) -> Requirement:
    """The requirement that a marked function is."""
    (mark,) = (mark for mark in function.pytestmark if mark.name == "requirement")  # type: ignore[attr-defined]
    stated: Requirement = mark.args[0]
    return stated


def of_model(stated: Requirement, model: str) -> Requirement:
    """A requirement as it is of one model; one that is not of the area `PER_MODEL` stays.

    A case of its own follows the model's name after a hyphen, as where pytest joins cases.
    """
    if not stated.id.startswith(PER_MODEL):
        return stated
    name, bracket, case = stated.id.partition("[")
    return replace(stated, id=f"{name}[{model}-{case}" if bracket else f"{name}[{model}]")


def base(ids: Iterable[str]) -> list[str]:
    """Ids without their cases, each once."""
    return list(dict.fromkeys(id.partition("[")[0] for id in ids))


def _docstring(function: Callable[..., Any], id: str) -> tuple[str, str]:
    """First sentence and the remainder of a requirement's docstring, white space folded."""
    text = inspect.getdoc(function)
    if not text:
        raise ValueError(f"{id}: a requirement needs a docstring")
    first, _, rest = text.partition("\n\n")
    return " ".join(first.split()), "\n\n".join(" ".join(p.split()) for p in rest.split("\n\n"))
