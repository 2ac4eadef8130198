"""Requests that are right, or wrong in one field, to one operation of a target."""

from __future__ import annotations

import json
from collections.abc import Mapping

from conformance.api import expect
from conformance.api.ask import Ask
from conformance.api.invalid import REFUSAL_TIMEOUT_S
from conformance.api.prompts import Prompts
from conformance.api.wrong.operations import EVERYWHERE, WITH, Body, Operation
from conformance.api.wrong.values import LEFT_OUT, Json
from conformance.outcomes import Absent, Failed, Unsupported
from conformance.targets.client import Response

NOT_SERVED = frozenset({404, 405, 501})


class Sender:
    """Sends requests to one operation of one target."""

    def __init__(self, ask: Ask, prompts: Prompts, operation: Operation) -> None:
        self._ask, self.operation = ask, operation
        self.body: Body = {"model": ask.model, **operation.fields(prompts)}
        path = operation.subject.path
        self._path = f"{ask.client.root}{path}" if operation.name.startswith("/") else path

    def right(self) -> Response:
        """The right request, whose body is `body`."""
        return self.send(self.body)

    def wrong(self, field: str, value: Json) -> Response:
        """The right request with one field wrong, and with what that field needs."""
        body = {**self.body, **WITH.get(field, {}), field: value}
        return self.send({name: held for name, held in body.items() if held is not LEFT_OUT})

    def send(self, body: Mapping[str, Json]) -> Response:
        """Any request."""
        return self._ask.client.post(self._path, body, timeout_s=REFUSAL_TIMEOUT_S)


def said(response: Response, operation: Operation) -> object:
    """What the answer to the right request says.

    Raises:
        Unsupported, Absent: the target does not serve the operation, which it has to, or need not.
        Failed: no such answer.
    """
    if response.status in NOT_SERVED:
        judgement = Unsupported if operation.name in EVERYWHERE else Absent
        raise judgement(
            f"The operation is not served: status {response.status}",
            expected="200",
            actual=f"{response.status} {response.exchange.response[:200]}",
            cause=f"{operation.name} is not served",
        )
    answer = expect.ok(response)
    try:
        return operation.said(answer)
    except (KeyError, IndexError, TypeError):
        raise Failed(
            "The answer to a right request is not of its form", actual=response.exchange.response
        ) from None


def said_once(sender: Sender, kept: dict[str, object]) -> object:
    """What the answer to the right request says, asked for once. Raises as `said`.

    Only an answer is kept. A refusal may be that of a server which another request has just broken,
    and the requirement is then measured once more on a fresh one.
    """
    name = sender.operation.name
    if name not in kept:
        kept[name] = said(sender.right(), sender.operation)
    return kept[name]


def body_answered(response: Response) -> None:
    """A request that nobody knows the right answer to is answered, or refused honestly.

    Raises:
        Failed: a fault of the server's, or a refusal that is not well-formed.
    """
    if response.status != 200:
        expect.refused(response, what="A wrong request", statuses=expect.REFUSALS)


def shown(value: Json) -> str:
    """A value as it stands in a request."""
    return "missing" if value is LEFT_OUT else json.dumps(value, ensure_ascii=False)
