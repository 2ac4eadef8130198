"""Whether wrong values of a field are answered as production answers them, or refused.

Values are drawn from each class by hypothesis. In a run of the suite the same ones are drawn every
time; with the environment variable `MACCORD_EXAMPLES=N` N other ones, at random, which is for a
run at night. A value that is answered wrongly is shrunk to the simplest of its class.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from conformance.api import expect
from conformance.api.wrong import production
from conformance.api.wrong.operations import Case
from conformance.api.wrong.production import Duty
from conformance.api.wrong.sending import Sender, body_answered, said, shown
from conformance.api.wrong.values import CLASSES, Json
from conformance.outcomes import Failed, Judgement
from conformance.targets.client import Response, TransportFailure

EXAMPLES = 1
"""Values of each class in a run of the suite: the simplest, which is the first that is drawn."""

AT_NIGHT = "MACCORD_EXAMPLES"


_Drawn = TypeVar("_Drawn")


def each_drawn(
    values: SearchStrategy[_Drawn], check: Callable[[_Drawn], object], examples: int
) -> None:
    """Check some values, and raise what the simplest wrong one raises.

    A request that is never answered is not repeated to find a simpler one, and neither is one that
    was answered wrongly only once.
    """
    wanted = os.environ.get(AT_NIGHT)
    unanswered: list[TransportFailure] = []
    judged: list[Judgement] = []

    @settings(
        max_examples=int(wanted or examples),
        derandomize=wanted is None,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(values)
    def drawn(value: _Drawn) -> None:
        if unanswered:
            raise unanswered[0]
        try:
            check(value)
        except TransportFailure as failure:
            unanswered.append(failure)
            raise
        except Judgement as judgement:
            judged.append(judgement)
            raise

    try:
        drawn()
    except Flaky:
        raise judged[-1] from None


@cache
def simplest(sort: str) -> Json:
    """The simplest value of a class."""
    drawn: list[Json] = []
    each_drawn(CLASSES[sort], drawn.append, EXAMPLES)
    return drawn[0]


def judge(sender: Sender, right: object, case: Case) -> None:
    """Every class of the case is answered as it has to be, and then the right request is.

    Args:
        right: what the answer to the right request said before.

    Raises:
        Silent: a value that production refuses is accepted.
        Failed: a fault of the server's, a refusal that is not well-formed, or another answer to
            the right request than before.
    """

    def check(values: tuple[Json, ...]) -> None:
        for sort, value in zip(case.classes, values, strict=True):
            duty = production.duty(case.operation, case.field, sort)
            what = f"`{case.field}: {shown(value)}`"
            answered_properly(sender.wrong(case.field, value), duty, what=what, kind=case.kind)

    if os.environ.get(AT_NIGHT):
        each_drawn(st.tuples(*(CLASSES[sort] for sort in case.classes)), check, EXAMPLES)
    else:
        check(tuple(simplest(sort) for sort in case.classes))
    answers_as_before(sender, right)


def answered_properly(response: Response, duty: Duty, *, what: str, kind: str) -> None:
    """One wrong value is answered as its duty says. Raises as `judge`."""
    status = response.status
    if status == 200 and duty is Duty.REFUSE:
        expect.refused(response, what=what, cause=_CAUSES[kind])
    if status == 200 or (status >= 500 and status != 501 and duty is Duty.SURVIVE):
        return
    body_answered(response)


_CAUSES = {
    "type": "Wrong types are accepted",
    "range": "Values out of range are accepted",
    "enum": "Unknown values are accepted",
    "null": "Null is accepted where there has to be a value",
    "missing": "Missing fields are accepted",
}


def answers_as_before(sender: Sender, right: object) -> None:
    """The right request is answered as it was before any wrong one. Raises Failed."""
    response = sender.right()
    if response.status != 200:
        raise Failed(
            "After an invalid request the server refuses a valid one",
            expected="200",
            actual=f"{response.status} {response.exchange.response[:200]}",
        )
    expect.same(said(response, sender.operation), right, what="The answer after an invalid request")
