"""The order of a report: what nobody would notice comes first, grouped by cause."""

from __future__ import annotations

import pytest

from conformance.outcomes import Level, Outcome
from conformance.report.sections import Group, message_beyond_cause, sections
from tests.report.samples import realistic, result


def test_order_and_completeness() -> None:
    results = [
        result(f"api/chat/{outcome.lower()}-{level.lower()}", level, outcome, f"{outcome} here.")
        for level in Level
        for outcome in Outcome
    ]
    told = sections(results)
    assert [section.key for section in told] == [
        "silent",
        "fail",
        "unsupported",
        "error",
        "inconclusive",
        "refused",
        "waived",
    ]
    by_key = {section.key: [r.level for r in section.results] for section in told}
    assert by_key["unsupported"] == [Level.MUST]
    assert set(by_key["refused"]) == {Level.SHOULD, Level.MAY}
    departing = [r.id for r in results if r.outcome is not Outcome.PASS]
    assert sorted(r.id for s in told for r in s.results) == sorted(departing)


def test_the_widest_cause_comes_first() -> None:
    silent = sections(realistic().results)[0]
    assert [len(group.results) for group in silent.groups] == [4, 1]
    assert silent.groups[0].cause == "The server accepts sampling parameters and ignores them"


def test_causes_of_one_width_are_in_the_order_of_the_alphabet() -> None:
    causes = ["Seeds are ignored", "Beams are ignored", "Stop strings leak", "Seeds are ignored"]
    told = sections(
        result(f"api/chat/{number}", Level.MUST, Outcome.FAIL, cause)
        for number, cause in enumerate(causes)
    )
    assert [(group.cause, len(group.results)) for group in told[0].groups] == [
        ("Seeds are ignored", 2),
        ("Beams are ignored", 1),
        ("Stop strings leak", 1),
    ]


def test_a_result_without_cause_is_still_told() -> None:
    bare = result("api/chat/bare", Level.MUST, Outcome.ERROR, cause="")
    assert sections([bare])[0].groups[0].cause == "No cause was given"


@pytest.mark.parametrize(
    ("cause", "message", "beyond"),
    [
        ("It leaks", "It leaks. At the third token.", "At the third token."),
        ("It leaks", "It leaks.", ""),
        ("It leaks", "It leaks", ""),
        ("It leaks.", "It leaks. At the third token.", "At the third token."),
        ("It leaks", "It leaks.\n\nXML is cut.", "XML is cut."),
        ("... is missing", "... is missing. Always.", "Always."),
        ("The id ends in X", "The id ends in X. Always.", "Always."),
        ("It leak", "It leaks. Often.", "It leaks. Often."),
        ("Stop strings", "It leaks.", "It leaks."),
    ],
)
def test_message_beyond_cause(cause: str, message: str, beyond: str) -> None:
    one = result("api/chat/stop", Level.MUST, Outcome.FAIL, message)
    assert message_beyond_cause(one, Group(cause, [one])) == beyond
