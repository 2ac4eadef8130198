"""Whole operations that production serves and a target need not, and answers asked for once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conformance.api import expect
from conformance.api.unserved import NOT_SERVED
from conformance.outcomes import Absent, Failed, Unsupported
from conformance.targets.client import Client, Response


def served(response: Response, *, what: str) -> Response:
    """The response to a valid request, where the target has the operation at all.

    Args:
        what: names the operation, to begin the sentence "… is not served".

    Raises:
        Absent: it has not, and says so.
        Failed: it says so without a word.
    """
    if response.status not in NOT_SERVED:
        return response
    if not response.body.strip():
        raise Failed(
            f"{what} is refused without a word",
            expected="200, or 404, 405 or 501 and an error",
            actual=str(response.status),
        )
    raise Absent(
        f"{what} is not served",
        expected="200",
        actual=f"{response.status} {response.exchange.response[:200]}",
        cause=f"{what} is not served",
    )


def offered(response: Response, *, what: str) -> Response:
    """The response to a request for a feature that hangs on how a server is set up.

    Raises:
        Absent: the feature is refused honestly.
        Failed: as `expect.ok`.
    """
    try:
        if response.status != 200:
            expect.ok(response)
    except Unsupported as refusal:
        raise Absent(
            f"{what} is not served: {refusal.message}",
            expected=refusal.expected,
            actual=refusal.actual,
            cause=f"{what} is not served",
        ) from None
    return response


def tools(client: Client, model: str, once: Once | None = None) -> None:
    """The target calls tools for this model, as its chat says.

    vLLM without a parser for the model's calls refuses tools in a chat, and passes over them
    elsewhere.

    Args:
        once: what was asked before; by default chat is asked anew.

    Raises:
        Absent: chat refuses tools honestly.
    """
    function = {"name": "ping", "parameters": {"type": "object", "properties": {}}}
    asked = {
        "model": model,
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 1,
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "auto",
    }
    response = (once or Once()).post(client, "/chat/completions", asked)
    if response.status in (400, 422, 501):
        offered(response, what="A tool")


@contextmanager
def with_tools(client: Client, model: str) -> Iterator[None]:
    """A refusal of tools, inside `with`, is an absent feature where chat refuses them as well.

    Raises:
        Absent: it is, and both say so honestly.
    """
    try:
        yield
    except Unsupported:
        tools(client, model)
        raise


class Once:
    """Answers at which several requirements look, each asked for once in a process.

    Only a success is kept. Anything else may come from a server that another request has just
    broken, and the requirement is then measured once more on a fresh one.
    """

    def __init__(self) -> None:
        self._found: dict[str, Response] = {}

    def post(self, client: Client, path: str, body: dict[str, Any]) -> Response:
        """The response to this request; the evidence holds it as if it had been sent now."""
        key = f"{client.base_url}{path} {json.dumps(body, sort_keys=True)}"
        if (found := self._found.get(key)) is None:
            found = client.post(path, body)
            if found.status == 200:
                self._found[key] = found
        else:
            client.exchanges.append(found.exchange)
        return found
