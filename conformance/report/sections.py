"""The order in which a report tells what did not pass: what nobody would notice comes first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from conformance.evidence import Result
from conformance.outcomes import Outcome, counts_against

SYMBOLS = {
    Outcome.PASS: "✓",
    Outcome.FAIL: "✗",
    Outcome.SILENT: "◐",
    Outcome.UNSUPPORTED: "⊘",
    Outcome.INCONCLUSIVE: "?",
    Outcome.ERROR: "!",
    Outcome.WAIVED: "⚑",
}
"""A sign beside each outcome's name, so that colour never says anything alone."""


@dataclass(frozen=True)
class Group:
    """Results that depart for the same cause."""

    cause: str
    results: list[Result]


@dataclass(frozen=True)
class Section:
    """Results that mean the same to the reader, grouped by cause, the widest cause first."""

    key: str
    outcome: Outcome
    title: str
    meaning: str
    groups: list[Group]

    @property
    def results(self) -> list[Result]:
        return [result for group in self.groups for result in group.results]


def _is(outcome: Outcome) -> Callable[[Result], bool]:
    return lambda result: result.outcome is outcome


def _refused(*, counting: bool) -> Callable[[Result], bool]:
    return lambda result: (
        result.outcome is Outcome.UNSUPPORTED
        and counts_against(result.outcome, result.level) is counting
    )


_ORDER: list[tuple[str, Outcome, str, str, Callable[[Result], bool]]] = [
    (
        "silent",
        Outcome.SILENT,
        "Silent departures",
        "The target answered 200 and did not do what was asked. "
        "Nobody notices these until production.",
        _is(Outcome.SILENT),
    ),
    (
        "fail",
        Outcome.FAIL,
        "Failures",
        "The requirement does not hold.",
        _is(Outcome.FAIL),
    ),
    (
        "unsupported",
        Outcome.UNSUPPORTED,
        "Unsupported, but required",
        "The target refused honestly, and a MUST needs it.",
        _refused(counting=True),
    ),
    (
        "error",
        Outcome.ERROR,
        "Errors of the suite",
        "The suite, a fixture or the environment failed. The target is not blamed; "
        "the run is void.",
        _is(Outcome.ERROR),
    ),
    (
        "inconclusive",
        Outcome.INCONCLUSIVE,
        "Inconclusive",
        "The evidence cannot decide. Each says what would.",
        _is(Outcome.INCONCLUSIVE),
    ),
    (
        "refused",
        Outcome.UNSUPPORTED,
        "Unsupported, and allowed to be",
        "The target refused honestly what is not a MUST. Not counted.",
        _refused(counting=False),
    ),
    (
        "waived",
        Outcome.WAIVED,
        "Waived as known failures",
        "Listed in the known-failures file with a reason. Shown, not counted.",
        _is(Outcome.WAIVED),
    ),
]


def sections(results: Iterable[Result]) -> list[Section]:
    """All results but PASS, in the order that a reader needs; empty sections are left out."""
    results = list(results)
    filled = []
    for key, outcome, title, meaning, belongs in _ORDER:
        if groups := _by_cause(filter(belongs, results)):
            filled.append(Section(key, outcome, title, meaning, groups))
    return filled


def message_beyond_cause(result: Result, group: Group) -> str:
    """What the result's message says that the group's heading has not said already."""
    said = group.cause.rstrip(". ")
    rest = result.message.removeprefix(said)
    # Only a whole sentence is taken off: a cause can be the beginning of a longer first word.
    return rest.lstrip(". \n") if rest[:1] in ("", ".") else result.message


def _by_cause(results: Iterable[Result]) -> list[Group]:
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.cause or result.message or "No cause was given"].append(result)
    ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [Group(cause, members) for cause, members in ranked]
