"""The lattice: which outcome counts, and what a run comes to."""

from __future__ import annotations

import pytest

from conformance.outcomes import (
    Failed,
    Inconclusive,
    Level,
    Outcome,
    Silent,
    SuiteError,
    Unsupported,
    counts_against,
    judge,
)

MUST, SHOULD, MAY = Level.MUST, Level.SHOULD, Level.MAY


@pytest.mark.parametrize(
    ("outcome", "level", "counts"),
    [
        (Outcome.PASS, MUST, False),
        (Outcome.FAIL, MAY, True),
        (Outcome.SILENT, MAY, True),
        (Outcome.UNSUPPORTED, MUST, True),
        (Outcome.UNSUPPORTED, SHOULD, False),
        (Outcome.UNSUPPORTED, MAY, False),
        (Outcome.INCONCLUSIVE, MUST, False),
        (Outcome.ERROR, MUST, False),
        (Outcome.WAIVED, MUST, False),
    ],
)
def test_counts_against(outcome: Outcome, level: Level, counts: bool) -> None:
    assert counts_against(outcome, level) is counts


@pytest.mark.parametrize(
    ("results", "exit_code", "certified"),
    [
        ([(MUST, Outcome.PASS)], 0, True),
        ([(MUST, Outcome.PASS), (MUST, Outcome.WAIVED)], 0, True),
        ([(MUST, Outcome.PASS), (SHOULD, Outcome.FAIL)], 0, True),
        ([(MUST, Outcome.PASS), (MAY, Outcome.SILENT)], 0, True),
        ([(MUST, Outcome.FAIL)], 1, False),
        ([(MUST, Outcome.SILENT), (MUST, Outcome.PASS)], 1, False),
        ([(MUST, Outcome.UNSUPPORTED)], 1, False),
        ([(MUST, Outcome.INCONCLUSIVE)], 1, False),
        ([(MUST, Outcome.PASS), (MAY, Outcome.ERROR)], 2, False),
        ([(MUST, Outcome.FAIL), (MUST, Outcome.ERROR)], 2, False),
    ],
)
def test_judge(results: list[tuple[Level, Outcome]], exit_code: int, certified: bool) -> None:
    verdict = judge(results, expected_total=len(results))
    assert (verdict.exit_code, verdict.certified) == (exit_code, certified)
    assert sum(verdict.counts.values()) == len(results)


def test_nothing_leaves_the_denominator() -> None:
    """A requirement without a result makes the run void, and so does a run without any."""
    assert judge([(MUST, Outcome.PASS)], expected_total=2).exit_code == 2
    assert judge([], expected_total=0).exit_code == 2


def test_void_names_its_reason_and_keeps_the_counts() -> None:
    verdict = judge([(MUST, Outcome.PASS)], expected_total=1, void="the server died.")
    assert verdict.exit_code == 2
    assert verdict.sentence == "Could not be judged: the server died."
    assert verdict.counts["PASS"] == 1


def test_the_sentence_counts_what_is_undecided_and_what_is_waived() -> None:
    undecided = judge([(MUST, Outcome.INCONCLUSIVE), (MUST, Outcome.FAIL)], expected_total=2)
    assert "2 of 2 MUST" in undecided.sentence and "1 of them undecided" in undecided.sentence
    waived = judge([(MUST, Outcome.WAIVED), (SHOULD, Outcome.FAIL)], expected_total=2)
    assert "1 waived" in waived.sentence and "1 below MUST" in waived.sentence


@pytest.mark.parametrize("kind", [Failed, Silent, Unsupported, Inconclusive, SuiteError])
def test_a_judgement_is_no_assertion(kind: type[Failed]) -> None:
    """`except AssertionError` somewhere in a library must not swallow one."""
    assert not issubclass(kind, AssertionError)


def test_a_judgement_groups_by_its_first_sentence_and_shows_values_as_they_are() -> None:
    judgement = Failed("`n` is ignored. One choice came.", expected=2, actual="one")
    assert judgement.cause == "`n` is ignored"
    assert (judgement.expected, judgement.actual) == ("2", "one")
    assert Failed("x", cause="other").cause == "other"
