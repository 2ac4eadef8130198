"""Requests as browsers send them for a web page of another origin."""

from __future__ import annotations

from conformance.api.transport.usual import CHAT
from conformance.outcomes import Absent, Failed
from conformance.targets.client import Client, Response

ORIGIN = "https://page.example"
PAGE = {"Origin": ORIGIN}


def preflight(client: Client) -> Response:
    """A browser's question before it sends a chat request for a page, without credentials."""
    asked = {
        **PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    return client.without_key().request("OPTIONS", CHAT, headers=asked)


def is_allowed(response: Response, *, preflight: bool = False) -> None:
    """The page may read the response.

    Raises:
        Absent: a preflight is refused: pages of other origins are not served.
        Failed: another response is not allowed.
    """
    allowed = response.headers.get("access-control-allow-origin") in ("*", ORIGIN)
    if allowed and (not preflight or response.status in (200, 204)):
        return
    if preflight:
        raise Absent(
            "Web pages of other origins are not served: a server that allows one would decide",
            expected="Access-Control-Allow-Origin",
            actual=f"{response.status} {dict(response.headers)}",
            cause="Web pages of other origins are not served",
        )
    raise Failed(
        "A web page may ask, and may not read the answer",
        expected=f"Access-Control-Allow-Origin: * or {ORIGIN}",
        actual=f"{response.status} {dict(response.headers)}",
    )
