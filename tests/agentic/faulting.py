"""Faults of which the tables are made: small functions at one stage of an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.agentic.server import Body, Fault

FAIL, SILENT, UNSUPPORTED, INCONCLUSIVE = "FAIL", "SILENT", "UNSUPPORTED", "INCONCLUSIVE"

Outcomes = dict[str, str]
Table = dict[str, tuple[Fault, Outcomes]]


def ignores(*names: str) -> Fault:
    """Parameters are accepted and have no effect."""
    return Fault(request=lambda body: {k: v for k, v in body.items() if k not in names})


def always(**values: Any) -> Fault:
    """Parameters have these values, whatever was asked for."""
    return Fault(request=lambda body: {**body, **values})


def answered(change: Callable[[Body], object]) -> Fault:
    """Something is changed in each answer, and in the last event of each stream."""

    def changed(body: Body) -> Body:
        change(body)
        return body

    def last(events: list[Body]) -> list[Body]:
        if "response" in events[-1]:
            change(events[-1]["response"])
        return events

    return Fault(answer=changed, events=last)


def streamed(change: Callable[[Body], object], type: str = "") -> Fault:
    """Something is changed in each event of a type."""

    def changed(events: list[Body]) -> list[Body]:
        for event in events:
            if type in event["type"]:
                change(event)
        return events

    return Fault(events=changed)


def without(type: str) -> Fault:
    """Events of a type are left out."""
    return Fault(events=lambda events: [event for event in events if type not in event["type"]])


def refuses(name: str) -> Fault:
    """A parameter is refused honestly."""

    def refused(body: Body) -> Body:
        return {**body, "temperature": -1, "model": "canned"} if name in body else body

    return Fault(request=refused)


def each_item(change: Callable[[Body], object]) -> Fault:
    """Something is changed in each item of an answer given at once."""

    def changed(body: Body) -> Body:
        for item in body.get("output", []):
            change(item)
        return body

    return Fault(answer=changed)


def cased(prefix: str, outcome: str, *cases: str) -> Outcomes:
    return {f"api/{prefix}[{case}]": outcome for case in cases}


def plus_one(where: Body, name: str) -> None:
    """Count one more."""
    where[name] = where[name] + 1


def in_usage(name: str) -> Callable[[Body], object]:
    """One token more is counted, where there is such a count."""
    return lambda body: name in (body.get("usage") or {}) and plus_one(body["usage"], name)
