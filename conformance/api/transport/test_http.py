"""HTTP: routes, methods, content types, encodings."""

import json

import pytest

from conformance.api import answers, expect, http
from conformance.api.ask import Ask
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.client import Client


@requirement("api/transport/unknown-route", MUST, source="RFC 9110, section 15.5.5")
def test_unknown_route(client: Client) -> None:
    """A route that does not exist MUST be answered with 404.

    Clients probe for what a server can do; a 200 makes them use what is not there.
    """
    expect.status(client.get("/no/such/route"), 404)


@requirement("api/transport/unknown-route-json", SHOULD, source="vLLM")
def test_unknown_route_json(client: Client) -> None:
    """The 404 of a route that does not exist SHOULD be JSON.

    Clients read a message from every error; an HTML page is shown as such to the person.
    """
    expect.json_object(client.get("/no/such/route"))


@requirement("api/transport/wrong-method", SHOULD, source="RFC 9110, section 15.5.6; vLLM")
def test_wrong_method(client: Client) -> None:
    """GET on the chat route SHOULD be answered with 405.

    It tells the person that the route is right and the method is not.
    """
    expect.status(client.get("/chat/completions"), 405)


@pytest.mark.parametrize("answer", http.ANSWERS)
@requirement(
    "api/transport/json-content-type",
    MUST,
    source="RFC 8259, section 11",
    honours={
        "models": "models.list:",
        "chat": "chat.completions.create:",
        "completions": "completions.create:",
    },
)
def test_json_content_type(ask: Ask, answer: str) -> None:
    """JSON answers, errors included, MUST have the content type application/json.

    Clients choose how to read an answer by its type: another one is handed on as a string.
    """
    expect.json_content_type(http.ANSWERS[answer](ask))


@requirement(
    "api/transport/utf8-escaped",
    MUST,
    source="RFC 8259, sections 7 and 8.1",
    honours="chat.completions.create: messages",
)
def test_utf8_escaped(ask: Ask) -> None:
    r"""A prompt MUST mean the same in UTF-8 and with its characters escaped as \uXXXX.

    Python's clients escape, JavaScript's do not; a server that reads bytes or halves of surrogate
    pairs sees another prompt for one of them.
    """
    body = ask.chat_body("Grüße, 世界 🙂", max_tokens=1)
    plain = ask.client.post("/chat/completions", body)
    escaped = ask.client.request("POST", "/chat/completions", content=json.dumps(body).encode())
    counted, wanted = answers.chat(escaped).usage, answers.chat(plain).usage
    expect.same_counts(counted, wanted, what="an escaped prompt")


@requirement(
    "api/transport/request-charset",
    MUST,
    source="RFC 9110, section 8.3.2",
    accepts="chat.completions.create:",
)
def test_request_charset(ask: Ask) -> None:
    """A request whose content type names its charset MUST be accepted.

    Java's and .NET's clients send `application/json; charset=utf-8`.
    """
    typed = {"Content-Type": "application/json; charset=utf-8"}
    body = ask.chat_body("Hi", max_tokens=1)
    expect.chat(ask.client.post("/chat/completions", body, headers=typed))


@requirement(
    "api/transport/request-not-json",
    SHOULD,
    source="vLLM; WHATWG Fetch (CORS)",
    refuses="chat.completions.create:",
)
def test_request_not_json(ask: Ask) -> None:
    """A request that is not declared as JSON SHOULD be refused with 400, 415 or 422.

    Browsers let any web page send plain text to a server on the person's own machine without
    asking it first; only the content type of JSON makes them ask.
    """
    typed = {"Content-Type": "text/plain"}
    body = ask.chat_body("Hi", max_tokens=1)
    response = ask.client.post("/chat/completions", body, headers=typed)
    expect.refused(response, what="A request of type text/plain", statuses={400, 415, 422})
