"""Who is to blame: only a judgement, or a response that never came, blames the target."""

from __future__ import annotations

import pytest

from conformance.evidence import Exchange
from conformance.judging import EXCHANGES_KEPT, judge_call
from conformance.outcomes import Failed, Inconclusive, Level, Outcome, Silent, Unsupported
from conformance.requirements import Requirement
from conformance.targets.client import Client, NoAnswer, TransportFailure
from tests.misbehaving import MisbehavingServer

STATED = Requirement("api/chat/n", Level.MUST, "It MUST.", "why", "source", ("core", "api"))


def exchange(number: int = 0) -> Exchange:
    return Exchange(f"curl {number}", "GET", "http://h", 200, "{}", False, 0.1)


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (None, Outcome.PASS),
        (Failed("no"), Outcome.FAIL),
        (Silent("no"), Outcome.SILENT),
        (Unsupported("no"), Outcome.UNSUPPORTED),
        (Inconclusive("?"), Outcome.INCONCLUSIVE),
        (AssertionError("a bare assert"), Outcome.ERROR),
        (KeyError("choices"), Outcome.ERROR),
        (pytest.skip.Exception("a certified run may skip nothing"), Outcome.ERROR),
    ],
)
def test_outcome(raised: BaseException | None, outcome: Outcome) -> None:
    result, lost = judge_call(STATED, raised, [exchange()], 0.5, None)
    assert (result.outcome, lost) == (outcome, None)
    assert bool(result.exchanges) is (outcome is not Outcome.PASS)


def test_the_last_requests_are_the_evidence() -> None:
    result, _ = judge_call(STATED, Failed("no"), [exchange(n) for n in range(9)], 0.5, None)
    assert [kept.curl for kept in result.exchanges] == [f"curl {n}" for n in range(5, 9)]
    assert len(result.exchanges) == EXCHANGES_KEPT


def failure(base_url: str) -> tuple[Client, TransportFailure]:
    return Client(base_url, timeout_s=1), NoAnswer("No complete answer within 1 s", exchange())


def test_no_response_is_the_target_s_failure_while_it_answers_others() -> None:
    with MisbehavingServer() as server:
        client, raised = failure(server.base_url)
        with client:
            result, lost = judge_call(STATED, raised, [], 1.0, client)
    assert (result.outcome, lost) == (Outcome.FAIL, None)
    assert result.message == "No complete answer within 1 s"


def test_a_target_that_answers_nothing_is_lost_and_not_blamed() -> None:
    with MisbehavingServer("hangs") as server:
        client, raised = failure(server.base_url)
        with client:
            result, lost = judge_call(STATED, raised, [], 1.0, client)
    assert result.outcome is Outcome.ERROR
    assert lost is not None and "no longer answers" in lost
