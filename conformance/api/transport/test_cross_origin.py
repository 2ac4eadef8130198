"""HEAD, OPTIONS and what a web page of another origin may do."""

from __future__ import annotations

from conformance.api import expect
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.api.transport import origins
from conformance.api.transport.usual import CHAT, Usual
from conformance.outcomes import Failed
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.wire import Wire

API = ("api",)
CREATE = "chat.completions.create:"
CORS = "WHATWG Fetch, section 3.3 (CORS)"


@requirement("api/transport/head", MUST, source="RFC 9110, section 9.3.2", profiles=API)
def test_head(ask: Ask) -> None:
    """The answer to a HEAD request MUST have no body.

    Monitors ask so whether a server lives. A body there is read as the beginning of the next answer
    on the connection.
    """
    with Wire(ask.client) as wire:
        wire.send(wire.request("HEAD", "/models"))
        response = wire.response()
        expect.same(wire.more(0.3), b"", what="What follows the answer to HEAD")
    if response.status not in (200, 404, 405, 501):
        raise Failed("HEAD is answered with the wrong status", actual=response.status)


@requirement("api/transport/preflight", MUST, source=CORS, profiles=API)
def test_preflight(ask: Ask) -> None:
    """A browser's question whether a web page may ask MUST be answered without a key, and never
    with a fault of the server's.

    Browsers ask it without credentials; 401 or 500 there keeps every web page out.
    """
    response = origins.preflight(ask.client)
    if response.status == 401 or (response.status >= 500 and response.status != 501):
        raise Failed(
            "A preflight is answered with the wrong status",
            expected="200 or 204, or 400, 403, 404, 405 or 501",
            actual=str(response.status),
        )


@requirement(
    "api/transport/cross-origin",
    SHOULD,
    source=CORS,
    profiles=API,
    accepts=CREATE,
)
def test_cross_origin(ask: Ask, prompts: Prompts) -> None:
    """What a web page of another origin is allowed to ask, it SHOULD be allowed to read, errors
    included.

    Otherwise the page shows a network error, and the reason stands nowhere.
    """
    origins.is_allowed(origins.preflight(ask.client), preflight=True)
    usual = Usual.asked(ask, prompts)
    response = ask.client.post(CHAT, usual.body, headers=origins.PAGE)
    usual.is_answer(response)
    origins.is_allowed(response)
    wrong = {**usual.body, "temperature": -1}
    origins.is_allowed(ask.client.post(CHAT, wrong, headers=origins.PAGE))


@requirement("api/transport/no-credentials", MUST, source=CORS, profiles=API)
def test_no_credentials(ask: Ask) -> None:
    """A web page of an origin that nobody has named MUST NOT be allowed to send credentials.

    Any page that a person opens could use, in their name, the server that runs on their machine.
    """
    response = origins.preflight(ask.client)
    named = response.headers.get("access-control-allow-origin") == origins.ORIGIN
    allowed = response.headers.get("access-control-allow-credentials", "").lower() == "true"
    expect.same(named and allowed, False, what="Whether credentials of any page are taken")
