"""The order in which a report tells what did not pass: what nobody would notice comes first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
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


_ORDER: list[tuple[str, Outcome, str, str]] = [
    (
        "silent",
        Outcome.SILENT,
        "Silent departures",
        "The target answered 200 and did not do what was asked. "
        "Nobody notices these until production.",
    ),
    (
        "fail",
        Outcome.FAIL,
        "Failures",
        "The requirement does not hold.",
    ),
    (
        "unsupported",
        Outcome.UNSUPPORTED,
        "Unsupported, but required",
        "The target refused honestly, and a MUST needs it.",
    ),
    (
        "error",
        Outcome.ERROR,
        "Errors of the suite",
        "The suite, a fixture or the environment failed. The target is not blamed; "
        "the run is void.",
    ),
    (
        "inconclusive",
        Outcome.INCONCLUSIVE,
        "Inconclusive",
        "The evidence cannot decide. Each says what would.",
    ),
    (
        "refused",
        Outcome.UNSUPPORTED,
        "Unsupported, and allowed to be",
        "The target refused honestly what is not a MUST. Not counted.",
    ),
    (
        "waived",
        Outcome.WAIVED,
        "Waived as known failures",
        "Listed in the known-failures file with a reason. Shown, not counted.",
    ),
]


def sections(results: Iterable[Result]) -> list[Section]:
    """All results but PASS, in the order that a reader needs; empty sections are left out."""
    told: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        told[_key(result)].append(result)
    return [
        Section(key, outcome, title, meaning, _by_cause(told[key]))
        for key, outcome, title, meaning in _ORDER
        if key in told
    ]


def message_beyond_cause(result: Result, group: Group) -> str:
    """What the result's message says that the group's heading has not said already."""
    said = group.cause.rstrip(". ")
    rest = result.message.removeprefix(said)
    # Only a whole sentence is taken off: a cause can be the beginning of a longer first word.
    return rest.lstrip(". \n") if rest[:1] in ("", ".") else result.message


def _key(result: Result) -> str:
    """The section that a result belongs to; PASS has none."""
    if result.outcome is Outcome.UNSUPPORTED and not counts_against(result.outcome, result.level):
        return "refused"
    return result.outcome.lower()


def _by_cause(results: Iterable[Result]) -> list[Group]:
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[result.cause or result.message or "No cause was given"].append(result)
    ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [Group(cause, members) for cause, members in ranked]
