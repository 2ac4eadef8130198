"""Responses that a server keeps: asked for again, gone on from, run in the background.

vLLM keeps them in memory, and only if VLLM_ENABLE_RESPONSES_API_STORE is set; as shipped it says of
each id that it knows none such. What is not kept is Absent here, and nobody's fault.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from conformance.api import expect, optional
from conformance.api.responses.asking import Input, Responses
from conformance.api.responses.events import Events
from conformance.api.responses.reading import Body
from conformance.outcomes import Absent, Failed, Silent
from conformance.targets.client import Response

DEADLINE_S, PAUSE_S = 30.0, 0.05

WAITING = ("queued", "in_progress")
BACKGROUND = "Running in the background"


def kept(responses: Responses, input: Input, **parameters: Any) -> Response:
    """A response that the server has kept.

    Raises:
        Absent: it does not keep responses, and says so.
    """
    created = responses.send(input, anew=True, **parameters)
    expect.ok(created)
    found = responses.retrieve(id_of(created))
    if found.status in (404, 405, 501):
        expect.error(found)
        raise Absent(
            "Responses are not kept",
            expected="200 for the id of a response",
            actual=f"{found.status} {found.exchange.response[:200]}",
            cause="Responses are not kept",
        )
    expect.ok(found)
    return created


def id_of(response: Response) -> str:
    """The id of a response."""
    return expect.typed_json(response.body, Body).id


def same(found: Response, created: Response) -> None:
    """A response that is asked for again is the one that was answered. Raises Failed."""
    expect.ok(found)
    expect.same(found.json(), created.json(), what="A response that is asked for again")


def unknown(response: Response, what: str) -> None:
    """Nobody has this id: 404, as OpenAI and vLLM say.

    Raises:
        Absent: there is no such operation.
        Silent, Failed: as `expect.refused`.
    """
    if response.status in (405, 501):
        optional.served(response, what="Asking for a response again")
    expect.refused(response, what=what, statuses=(404,))


def begun(responses: Responses, input: Input, **parameters: Any) -> Body:
    """A response that runs in the background.

    Raises:
        Absent: background is refused honestly.
        Silent: it was answered at once, as if nobody had asked for background.
    """
    sent = responses.send(input, anew=True, background=True, **parameters)
    body = expect.typed_json(offered(sent).body, Body)
    if body.status not in WAITING and body.background is not True:
        raise Silent("`background` is accepted and ignored", expected=WAITING, actual=body.status)
    return body


def offered(response: Response) -> Response:
    """A response of the background that was asked for. Raises Absent where that is refused."""
    return optional.offered(response, what=BACKGROUND)


def settled(
    responses: Responses, id: str, *, clock: Callable[[], float] = time.monotonic
) -> Response:
    """A response of the background when it is over.

    Raises:
        Failed: it is not within `DEADLINE_S`.
    """
    until = clock() + DEADLINE_S
    while True:
        found = responses.retrieve(id)
        expect.ok(found)
        status = expect.typed_json(found.body, Body).status
        if status not in WAITING:
            return found
        if clock() > until:
            raise Failed(
                "A response of the background does not end",
                expected=f"completed within {DEADLINE_S:g} s",
                actual=status,
            )
        time.sleep(PAUSE_S)


def cancelled(response: Response) -> None:
    """The answer to a cancellation: the response, and its status.

    Raises:
        Silent: it goes on.
        Failed: as `expect.ok`.
    """
    expect.ok(response)
    if (status := expect.typed_json(response.body, Body).status) != "cancelled":
        raise Silent(
            "A cancellation is accepted and has no effect", expected="cancelled", actual=status
        )


def goes_on(again: Events, first: Events, after: int) -> None:
    """A stream asked for again has the events of the first one after a number. Raises Failed."""
    wanted = [event for event in first.events if event["sequence_number"] > after]
    if again.events != wanted:
        raise Failed(
            "A stream that is gone on with has other events",
            expected=[event["type"] for event in wanted],
            actual=[event["type"] for event in again.events],
        )
