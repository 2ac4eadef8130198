"""From what a requirement's test function did to the outcome it stands for."""

from __future__ import annotations

from conformance.evidence import Exchange, Result
from conformance.outcomes import Failed, Judgement, Outcome, SuiteError
from conformance.requirements import Requirement
from conformance.targets.client import Client, TransportFailure

EXCHANGES_KEPT = 4
"""How many of a requirement's last requests are kept as evidence."""


def judge_call(
    stated: Requirement,
    raised: BaseException | None,
    exchanges: list[Exchange],
    duration_s: float,
    client: Client | None,
) -> tuple[Result, str | None]:
    """The result of one requirement, and why the target is lost if it no longer answers.

    Only a judgement blames the target. A response that never came does so too, as long as the
    target still answers others; any other exception is the suite's own fault.
    """
    lost: str | None = None
    judgement: Judgement | None
    if raised is None or isinstance(raised, Judgement):
        judgement = raised
    elif isinstance(raised, TransportFailure):
        judgement, lost = _without_response(raised, client)
    else:
        kind = type(raised).__name__
        judgement = SuiteError(
            f"The suite failed with {kind}: {raised}", cause="Faults of the suite itself"
        )
    kept = exchanges[-EXCHANGES_KEPT:] if judgement else []
    return result(stated, judgement, kept, duration_s), lost


def result(
    stated: Requirement,
    judgement: Judgement | None,
    exchanges: list[Exchange] | None = None,
    duration_s: float = 0.0,
) -> Result:
    """The result of a requirement: PASS without a judgement."""
    return Result(
        id=stated.id,
        level=(judgement.level if judgement else None) or stated.level,
        title=stated.title,
        why=stated.why,
        source=stated.source,
        profiles=list(stated.profiles),
        outcome=Outcome.PASS if judgement is None else judgement.outcome,
        message=judgement.message if judgement else "",
        cause=judgement.cause if judgement else "",
        expected=judgement.expected if judgement else None,
        actual=judgement.actual if judgement else None,
        duration_s=round(duration_s, 3),
        exchanges=exchanges or [],
    )


def _without_response(
    failure: TransportFailure, client: Client | None
) -> tuple[Judgement, str | None]:
    """FAIL when the target still answers other requests; ERROR, and lost, when it does not."""
    expected = "a complete response"
    if client is not None and client.alive():
        fault = Failed(str(failure), expected=expected, actual=failure.exchange.response)
        return fault, None
    reason = f"the target no longer answers since {failure.exchange.method} {failure.exchange.url}"
    return (
        SuiteError(
            f"{failure}; the target answers nothing any more",
            expected=expected,
            actual=failure.exchange.response,
            cause="The target stopped answering",
        ),
        reason,
    )
