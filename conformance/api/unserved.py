"""Operations that production does not serve: one request each, and what an honest answer is."""

from __future__ import annotations

from conformance.api import expect
from conformance.api.ask import conversation
from conformance.api.invalid import REFUSAL_TIMEOUT_S
from conformance.api.prompts import GREETING
from conformance.coverage import client as openai_client
from conformance.outcomes import Failed, Inconclusive, Silent
from conformance.targets.client import Client, Response
from fixtures.openai import Operation, plain, unserved

NOT_SERVED = frozenset({404, 405, 501})
"""Statuses with which a server says that it has no such operation."""

NOBODY = "maccord-no-such-id"
"""Stands for every id in a path, so that a server which does serve the operation changes nothing
that is anybody's."""

EXERCISED = frozenset({"retrieveModel"})
"""Operations that production does not serve and that requirements of their own ask for."""

OPERATIONS = {each.id: each for each in unserved() if each.id not in EXERCISED}


def ask_for(client: Client, model: str, operation: Operation) -> Response:
    """Ask for the operation: where it takes a body, one that any inference would take for its own.

    A server that does not look at the path then answers as if it had been asked for that.
    """
    body = {
        "model": model,
        "messages": conversation(GREETING),
        "prompt": GREETING,
        "input": GREETING,
        "max_tokens": 1,
    }
    return client.request(
        operation.method,
        plain(operation.path).replace("{}", NOBODY) + _query(operation.path),
        json=body if operation.method == "POST" else None,
        timeout_s=REFUSAL_TIMEOUT_S,
    )


def refused(response: Response, operation: Operation) -> None:
    """The answer says that there is no such operation.

    Raises:
        Silent: the answer is a success that was made up: for an id that nobody has, or of another
            form than OpenAI's.
        Inconclusive: the target seems to serve the operation.
        Failed: anything else.
    """
    wanted = "404, 405 or 501, and an error"
    actual = f"{response.status} {response.exchange.response[:200]}".strip()
    if response.status in NOT_SERVED:
        if response.body.strip():
            return
        raise Failed("An unserved operation is refused without a word", expected=wanted)
    if 200 <= response.status < 300:
        if "{" in operation.path or not _as_defined(response, operation):
            raise Silent(
                "An operation that is not served is answered with success",
                expected=wanted,
                actual=actual,
            )
        raise Inconclusive(
            "The operation seems to be served: requirements on its answer would decide",
            cause="Operations that production does not serve seem to be served",
        )
    if response.status in (400, 401, 403, 422) and _is_error(response):
        raise Inconclusive(
            f"The operation seems to be there, and refuses the request with {response.status}: a "
            "request that it takes would decide",
            cause="Operations that production does not serve seem to be served",
        )
    raise Failed(
        "An operation that is not served is refused with the wrong status",
        expected=wanted,
        actual=actual,
    )


def _query(path: str) -> str:
    _, mark, query = path.partition("?")
    return mark + query


def _is_error(response: Response) -> bool:
    try:
        expect.error(response)
    except Failed:
        return False
    return True


def _as_defined(response: Response, operation: Operation) -> bool:
    """Whether a success is of the form that the client defines for this operation."""
    known = openai_client.operations().get(operation.route)
    try:
        if known is None or known.answer is None:  # audio, files
            return bool(response.body) and "json" not in response.headers.get("content-type", "")
        found = expect.typed_json(response.body, known.answer)
        said = set(expect.json_object(response))
        # Some types have optional fields only: anything at all is of their form.
        return "error" not in said and bool(found.model_fields_set & set(known.answer.model_fields))
    except Failed:
        return False
