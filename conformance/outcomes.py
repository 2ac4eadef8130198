"""The outcome lattice: what a requirement came to, and what a run comes to.

A requirement's test function says what happened by returning (PASS) or by raising one of the
judgements below. Any other exception is ERROR: the suite's own fault, never the target's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What a requirement came to for a target."""

    PASS = "PASS"
    FAIL = "FAIL"
    SILENT = "SILENT"
    UNSUPPORTED = "UNSUPPORTED"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"
    WAIVED = "WAIVED"


class Level(StrEnum):
    """RFC 2119 level of a requirement."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


class Judgement(Exception):
    """A reasoned outcome other than PASS.

    Args:
        message: one or two sentences for the person who has to act on it.
        expected: what the requirement asks for.
        actual: what the target did.
        cause: departures with the same cause are shown together; by default the first sentence
            of the message.
    """

    outcome: Outcome
    level: Level | None = None
    """Of the requirement, where the judgement makes it another one."""

    def __init__(
        self,
        message: str,
        *,
        expected: object = None,
        actual: object = None,
        cause: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expected = None if expected is None else _plain(expected)
        self.actual = None if actual is None else _plain(actual)
        self.cause = cause or message.split(". ")[0].rstrip(".")


class Failed(Judgement):
    """The requirement does not hold."""

    outcome = Outcome.FAIL


class Silent(Judgement):
    """The target said 200 and did not do what was asked."""

    outcome = Outcome.SILENT


class Unsupported(Judgement):
    """The target refused honestly: documented status, well-formed OpenAI error."""

    outcome = Outcome.UNSUPPORTED


class Absent(Unsupported):
    """What a conditional requirement speaks of is not there, and nothing obliges a target to it.

    Reported at the level SHOULD, whatever the requirement's own: a MUST on what a target offers
    does not oblige it to offer it.
    """

    level = Level.SHOULD


class Inconclusive(Judgement):
    """The evidence cannot decide; the message says what would."""

    outcome = Outcome.INCONCLUSIVE


class SuiteError(Judgement):
    """The suite, a fixture or the environment failed; the target is not blamed."""

    outcome = Outcome.ERROR


def _plain(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


def counts_against(outcome: Outcome, level: Level) -> bool:
    """Whether this outcome, at this level, is a departure that the target answers for."""
    if outcome in (Outcome.FAIL, Outcome.SILENT):
        return True
    return outcome is Outcome.UNSUPPORTED and level is Level.MUST


@dataclass(frozen=True)
class Verdict:
    """What a whole run comes to.

    `exit_code` is 0 (certified), 1 (not certified) or 2 (the run could not be judged).
    """

    certified: bool
    exit_code: int
    sentence: str
    counts: dict[str, int]


def judge(
    results: Iterable[tuple[Level, Outcome]], *, expected_total: int, void: str | None = None
) -> Verdict:
    """The verdict over all results of a profile.

    Certified means that every MUST is PASS or WAIVED, that nothing is ERROR and that nothing of
    the profile is missing.

    Args:
        results: level and outcome of every requirement that was judged.
        expected_total: how many requirements the profile has; fewer results make the run void.
        void: a reason for which the run cannot be judged at all, if there is one.
    """
    results = list(results)
    tally = Counter(outcome for _, outcome in results)
    counts = {outcome.value: tally[outcome] for outcome in Outcome}
    total, missing = len(results), expected_total - len(results)
    if void:
        return Verdict(False, 2, f"Could not be judged: {void}", counts)
    if tally[Outcome.ERROR]:
        return Verdict(
            False,
            2,
            f"Could not be judged: {_requirements(tally[Outcome.ERROR])} of {total} "
            "ended in ERROR.",
            counts,
        )
    if missing > 0 or total == 0:
        return Verdict(
            False,
            2,
            f"Could not be judged: {total} of {expected_total} requirements have a result.",
            counts,
        )
    musts = [outcome for level, outcome in results if level is Level.MUST]
    if not musts:
        return Verdict(
            False,
            2,
            f"Could not be judged: no MUST applied to the target in {_requirements(total)}.",
            counts,
        )
    broken = [o for o in musts if o not in (Outcome.PASS, Outcome.WAIVED)]
    departures = sum(counts_against(outcome, level) for level, outcome in results)
    if broken:
        undecided = broken.count(Outcome.INCONCLUSIVE)
        tail = f", {undecided} of them undecided" if undecided else ""
        return Verdict(
            False,
            1,
            f"Not certified: {len(broken)} of {len(musts)} MUST requirements do not hold{tail}.",
            counts,
        )
    notes = []
    if tally[Outcome.WAIVED]:
        notes.append(f"{tally[Outcome.WAIVED]} waived as known failures")
    if departures:
        notes.append(f"{departures} below MUST depart from production")
    tail = f" ({'; '.join(notes)})" if notes else ""
    return Verdict(True, 0, f"Certified: all {len(musts)} MUST requirements hold{tail}.", counts)


def _requirements(count: int) -> str:
    return f"{count} requirement" if count == 1 else f"{count} requirements"
