"""For every parameter and aspect: the requirements on it, a reason why not, or an open hole."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from conformance.coverage.claims import ASPECTS, WHOLE, Claim
from conformance.coverage.subjects import Parameter, Subject, subjects
from conformance.requirements import Requirement
from fixtures.openai import operations as described

NOT_SERVED = "Production does not serve the operation."
NO_FIELD = "Production has no such field, and ignores it."

_FILE = Path(__file__).with_name("why.toml")


class State(StrEnum):
    """What there is for one aspect of one parameter."""

    COVERED = "covered"
    EXPLAINED = "explained"
    OPEN = "open"


@dataclass(frozen=True)
class Cell:
    """The requirements on one aspect of a parameter, or why there are none; "" where nobody says.

    `as_honoured` says that acceptance is shown by requirements that look at the effect.
    """

    requirements: tuple[str, ...] = ()
    why: str = ""
    as_honoured: bool = False

    @property
    def state(self) -> State:
        """Covered, explained or open."""
        if self.requirements or self.as_honoured:
            return State.COVERED
        return State.EXPLAINED if self.why else State.OPEN


@dataclass(frozen=True)
class Row:
    """A parameter of an operation, or the operation as such (`WHOLE`), and a cell an aspect."""

    parameter: Parameter
    cells: Mapping[str, Cell]

    @property
    def state(self) -> State:
        """Covered where any aspect is, open where any other is, and explained otherwise."""
        states = {cell.state for cell in self.cells.values()}
        return next(
            state for state in (State.COVERED, State.OPEN, State.EXPLAINED) if state in states
        )


@dataclass(frozen=True)
class Table:
    """Everything: rows by operation, and requirements on the other operations by operationId."""

    rows: Mapping[Subject, tuple[Row, ...]]
    others: Mapping[str, tuple[str, ...]]

    def counts(self, subject: Subject) -> dict[State, int]:
        """Rows of one operation by their state."""
        found = dict.fromkeys(State, 0)
        for row in self.rows[subject]:
            found[row.state] += 1
        return found

    def covered(self, subject: Subject, aspect: str) -> int:
        """How many rows of one operation are covered in one aspect."""
        return sum(row.cells[aspect].state is State.COVERED for row in self.rows[subject])


@cache
def reasons() -> dict[Claim, str]:
    """The written reasons, by what they are on."""
    return {
        Claim(aspect, operation, parameter): each["reason"]
        for each in tomllib.loads(_FILE.read_text("utf-8"))["why"]
        for operation in each["operations"]
        for parameter in each["parameters"]
        for aspect in each["aspects"]
    }


def table(requirements: Iterable[Requirement]) -> Table:
    """What these requirements cover.

    Raises:
        ValueError: a requirement or a reason names an operation or a parameter that there is not,
            or a reason stands where a requirement is.
    """
    by_claim: dict[Claim, list[str]] = defaultdict(list)
    for stated in requirements:
        for text in stated.covers:
            by_claim[Claim.read(text)].append(stated.id)
    _check(by_claim)
    rows = {subject: _rows(subject, by_claim) for subject in subjects().values()}
    covered = {id for subject in rows for id in subject.ids}
    return Table(
        rows,
        {
            each.id: tuple(by_claim[Claim("refused", each.id, WHOLE)])
            for each in described()
            if each.id not in covered
        },
    )


def _rows(subject: Subject, by_claim: Mapping[Claim, list[str]]) -> tuple[Row, ...]:
    whole = Parameter(WHOLE, False, True, subject.served)
    return tuple(
        Row(parameter, _cells(subject, parameter, by_claim))
        for parameter in (whole, *subject.parameters)
    )


def _cells(
    subject: Subject, parameter: Parameter, by_claim: Mapping[Claim, list[str]]
) -> dict[str, Cell]:
    found = {}
    for aspect in ASPECTS:
        claim = Claim(aspect, subject.name, parameter.name)
        names = (subject.name, *subject.ids)
        claims = [Claim(aspect, name, parameter.name) for name in names]
        ids = tuple(id for each in claims for id in by_claim.get(each, ()))
        found[aspect] = Cell(ids, _why(subject, parameter, claim))
    if found["honoured"].requirements:
        found["accepted"] = Cell(found["accepted"].requirements, as_honoured=True)
    return found


def _why(subject: Subject, parameter: Parameter, claim: Claim) -> str:
    if claim in reasons():
        return reasons()[claim]
    if not subject.served:
        return NOT_SERVED
    # That production takes a request with such a field is a requirement all the same.
    if not parameter.in_production and claim.aspect != "accepted":
        return NO_FIELD
    return ""


def _check(by_claim: Mapping[Claim, list[str]]) -> None:
    ids = {each.id for each in described()}
    for claim in [*by_claim, *reasons()]:
        who = ", ".join(by_claim.get(claim, ["why.toml"])[:3])
        if claim.operation in ids and claim.parameter == WHOLE:
            continue
        if (subject := subjects().get(claim.operation)) is None:
            raise ValueError(f"{who}: there is no operation {claim.operation!r} to cover")
        if claim.parameter not in {WHOLE, *(each.name for each in subject.parameters)}:
            raise ValueError(f"{who}: {claim.operation} has no parameter {claim.parameter!r}")
    if both := sorted(map(str, reasons().keys() & {c for c, found in by_claim.items() if found})):
        raise ValueError(f"Covered, and a reason says that it cannot be: {', '.join(both)}")
