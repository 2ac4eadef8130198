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
    Verdict,
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


P, F, W, E, U = Outcome.PASS, Outcome.FAIL, Outcome.WAIVED, Outcome.ERROR, Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        ([(MUST, P)], "Certified: all 1 MUST requirements hold."),
        (
            [(MUST, P), (MUST, W), (SHOULD, F), (SHOULD, Outcome.UNSUPPORTED)],
            "Certified: all 2 MUST requirements hold "
            "(1 waived as known failures; 1 below MUST depart from production).",
        ),
        (
            [(MUST, P), (MAY, Outcome.SILENT)],
            "Certified: all 1 MUST requirements hold (1 below MUST depart from production).",
        ),
        (
            [(MUST, U), (MUST, F), (SHOULD, U)],
            "Not certified: 2 of 2 MUST requirements do not hold, 1 of them undecided.",
        ),
        ([(MUST, F), (MUST, P)], "Not certified: 1 of 2 MUST requirements do not hold."),
        ([(MUST, F), (MAY, E)], "Could not be judged: 1 requirement of 2 ended in ERROR."),
        ([(MAY, E), (MAY, E)], "Could not be judged: 2 requirements of 2 ended in ERROR."),
        ([], "Could not be judged: 0 of 0 requirements have a result."),
        (
            [(SHOULD, P)],
            "Could not be judged: no MUST applied to the target in 1 requirement.",
        ),
        (
            [(SHOULD, P), (MAY, P)],
            "Could not be judged: no MUST applied to the target in 2 requirements.",
        ),
    ],
)
def test_the_sentence_says_what_a_run_comes_to(
    results: list[tuple[Level, Outcome]], sentence: str
) -> None:
    verdict = judge(results, expected_total=len(results))
    assert verdict.sentence == sentence
    word = sentence.partition(":")[0]
    codes = {"Certified": 0, "Not certified": 1, "Could not be judged": 2}
    assert (verdict.certified, verdict.exit_code) == (word == "Certified", codes[word])
    found = [outcome.value for _, outcome in results]
    assert verdict.counts == {each.value: found.count(each.value) for each in Outcome}


def test_nothing_leaves_the_denominator() -> None:
    """A requirement without a result makes the run void."""
    verdict = judge([(MUST, P)], expected_total=2)
    sentence = "Could not be judged: 1 of 2 requirements have a result."
    assert verdict == Verdict(False, 2, sentence, verdict.counts)
    assert verdict.counts["PASS"] == 1


def test_void_names_its_reason_and_keeps_the_counts() -> None:
    verdict = judge([(MUST, P)], expected_total=1, void="the server died.")
    sentence = "Could not be judged: the server died."
    assert verdict == Verdict(False, 2, sentence, verdict.counts)
    assert verdict.counts["PASS"] == 1


@pytest.mark.parametrize("kind", [Failed, Silent, Unsupported, Inconclusive, SuiteError])
def test_a_judgement_is_no_assertion(kind: type[Failed]) -> None:
    """`except AssertionError` somewhere in a library must not swallow one."""
    assert not issubclass(kind, AssertionError)


def test_a_judgement_groups_by_its_first_sentence_and_shows_values_as_they_are() -> None:
    judgement = Failed("`n` is ignored. One choice came.", expected=2, actual="one")
    assert judgement.cause == "`n` is ignored"
    assert (judgement.expected, judgement.actual) == ("2", "one")
    assert str(judgement) == judgement.message == "`n` is ignored. One choice came."
    bare = Failed("One sentence.")
    assert (bare.cause, bare.expected, bare.actual) == ("One sentence", None, None)
    assert Failed("...what XX.").cause == "...what XX"
    assert Failed("x", cause="other").cause == "other"
