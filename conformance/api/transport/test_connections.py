"""Connections: kept, shared, slow, and broken off."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from conformance.api import expect
from conformance.api.ask import Ask, read_stream
from conformance.api.prompts import Prompts
from conformance.api.transport import connections
from conformance.api.transport.usual import CHAT, Usual, soon
from conformance.requirements import MUST, SHOULD, requirement
from conformance.targets.wire import Wire, in_chunks

API = ("api",)
CREATE = "chat.completions.create:"
CONNECTIONS = "RFC 9112, section 9.3"


@pytest.mark.parametrize("before", connections.BEFORE)
@requirement(
    "api/transport/connection-next",
    MUST,
    source=CONNECTIONS,
    profiles=API,
    accepts=CREATE,
)
def test_connection_next(ask: Ask, prompts: Prompts, before: str) -> None:
    """The next request on a connection MUST be answered as on a new one, unless the answer before
    said that the connection is closed.

    Clients keep connections. A body that was refused and left unread is taken for the next request,
    and what is answered then was asked by nobody.
    """
    usual = Usual.asked(ask, prompts)
    with Wire(ask.client) as wire:
        wire.send(wire.request("POST", CHAT, connections.BEFORE[before](usual)))
        wire.response()
        if wire.is_kept:
            wire.send(wire.request("POST", CHAT, usual.body))
            usual.is_answer(wire.response())


@requirement(
    "api/transport/connection-kept",
    SHOULD,
    source=CONNECTIONS,
    profiles=API,
    accepts=CREATE,
)
def test_connection_kept(ask: Ask, prompts: Prompts) -> None:
    """A connection SHOULD be kept for the next request.

    Over TLS and a network a new connection costs more than a short answer.
    """
    usual = Usual.asked(ask, prompts)
    with Wire(ask.client) as wire:
        wire.send(wire.request("POST", CHAT, usual.body))
        usual.is_answer(wire.response())
        expect.same(wire.is_kept, True, what="Whether the connection is kept")


@requirement(
    "api/transport/connection-close",
    MUST,
    source="RFC 9112, section 9.6",
    profiles=API,
    accepts=CREATE,
)
def test_connection_close(ask: Ask, prompts: Prompts) -> None:
    """A request with `Connection: close` MUST be answered, and the connection closed after it.

    Scripts read to the end of the connection: one that stays open leaves them waiting.
    """
    usual = Usual.asked(ask, prompts)
    with Wire(ask.client) as wire:
        wire.send(wire.request("POST", CHAT, usual.body, headers={"Connection": "close"}))
        usual.is_answer(wire.response())
        expect.same(wire.is_closed(), True, what="Whether the connection is closed")


@requirement(
    "api/transport/pipelined",
    MUST,
    source="RFC 9112, section 9.3.2",
    profiles=API,
    accepts=CREATE,
)
def test_pipelined(ask: Ask, prompts: Prompts) -> None:
    """Requests that are sent at once on one connection MUST be answered in their order, unless an
    answer says that the connection is closed.

    A proxy hands answers on in the order of its requests: in another order each person gets what
    somebody else asked for.
    """
    usual = Usual.asked(ask, prompts)
    with Wire(ask.client) as wire:
        first = wire.request("POST", CHAT, usual.body)
        wire.send(first + wire.request("GET", "/models"))
        usual.is_answer(wire.response())
        if wire.is_kept:
            listed = expect.ok(wire.response())
            expect.same(listed.get("object"), "list", what="The second answer")


@requirement(
    "api/transport/slow-request",
    MUST,
    source="RFC 9112, section 6.3",
    profiles=API,
    accepts=CREATE,
)
def test_slow_request(ask: Ask, prompts: Prompts) -> None:
    """A request that comes in many small pieces MUST be answered as in one.

    Phones and congested networks send so; a server that takes the first piece for the whole refuses
    them by chance.
    """
    usual = Usual.asked(ask, prompts)
    with Wire(ask.client) as wire:
        wire.send(wire.request("POST", CHAT, usual.body), pieces=10, pause_s=0.05)
        usual.is_answer(wire.response())


@pytest.mark.parametrize("idle", connections.IDLE)
@requirement(
    "api/transport/beside",
    MUST,
    source="vLLM",
    profiles=API,
    accepts=CREATE,
)
def test_beside(ask: Ask, prompts: Prompts, idle: str) -> None:
    """Others MUST be answered while clients are connected that send nothing, or nothing more.

    One laptop that was shut in the middle of a request must not stop the whole team.
    """
    usual = Usual.asked(ask, prompts)
    with ExitStack() as stack:
        for _ in range(connections.IDLE_CONNECTIONS):
            connections.IDLE[idle](stack.enter_context(Wire(ask.client)), usual)
        usual.is_answer(ask.client.post(CHAT, usual.body, timeout_s=soon(ask)))


@requirement(
    "api/transport/slow-reader",
    MUST,
    source="vLLM",
    profiles=API,
    accepts=CREATE,
)
def test_slow_reader(ask: Ask, prompts: Prompts) -> None:
    """A client that reads its stream late MUST get all of it, and others their answers meanwhile.

    A terminal that is scrolled back stops reading.
    """
    usual = Usual.asked(ask, prompts)
    with Wire(ask.client) as wire:
        body = {**usual.body, "stream": True}
        wire.send(wire.request("POST", CHAT, body))
        usual.is_answer(ask.client.post(CHAT, usual.body, timeout_s=soon(ask)))
        expect.same(read_stream(wire.response()).chat_text(), usual.text, what="The stream")


@requirement(
    "api/transport/chunked",
    MUST,
    source="RFC 9112, section 7.1",
    profiles=API,
    accepts=CREATE,
)
def test_chunked(ask: Ask, prompts: Prompts) -> None:
    """A request body in the chunked transfer coding MUST be read.

    Clients that stream a body, and Node's fetch among them, send no length.
    """
    usual = Usual.asked(ask, prompts)
    coded = {"Transfer-Encoding": "chunked"}
    with Wire(ask.client) as wire:
        framed = in_chunks(connections.as_bytes(usual.body), 3)
        wire.send(wire.request("POST", CHAT, usual.body, headers=coded, framed=framed))
        usual.is_answer(wire.response())


@requirement(
    "api/transport/expect-continue",
    MUST,
    source="RFC 9110, section 10.1.1",
    profiles=API,
    accepts=CREATE,
)
def test_expect_continue(ask: Ask, prompts: Prompts) -> None:
    """A client that waits to be told to go on MUST be told so, or be answered, before its body.

    curl asks so before each body of a megabyte, and loses a second each time that it is not told;
    other clients wait for ever.
    """
    usual = Usual.asked(ask, prompts)
    with Wire(ask.client, timeout_s=soon(ask)) as wire:
        data = wire.request("POST", CHAT, usual.body, headers={"Expect": "100-continue"})
        head, end, body = data.partition(b"\r\n\r\n")
        wire.send(head + end)
        told = wire.read_some()
        connections.goes_on(told)
        wire.send(body)
        usual.is_answer(wire.response())


@requirement(
    "api/transport/http-1-0",
    MUST,
    source="RFC 9110, section 2.5",
    profiles=API,
    accepts=CREATE,
)
def test_http_1_0(ask: Ask, prompts: Prompts) -> None:
    """A request in HTTP/1.0 MUST be answered, without chunks, and the connection closed after it.

    nginx speaks so to what stands behind it unless it is told otherwise.
    """
    usual = Usual.asked(ask, prompts)
    with Wire(ask.client) as wire:
        wire.send(wire.request("POST", CHAT, usual.body, version="1.0"))
        response = wire.response()
        coding = response.headers.get("transfer-encoding")
        expect.same(coding, None, what="The transfer coding of an answer to HTTP/1.0")
        usual.is_answer(response)
        expect.same(wire.is_closed(), True, what="Whether the connection is closed")


@pytest.mark.parametrize("moment", connections.MOMENTS)
@requirement(
    "api/transport/hung-up",
    MUST,
    source="vLLM",
    profiles=API,
    accepts=CREATE,
)
def test_hung_up(ask: Ask, prompts: Prompts, moment: str) -> None:
    """After a client that hung up, in whatever moment, others MUST be answered as before.

    People close their laptops. A server that trips over it fails everybody else, hours later.
    """
    usual = Usual.asked(ask, prompts)
    for _ in range(3):
        with Wire(ask.client) as wire:
            connections.MOMENTS[moment](wire, usual)
    usual.is_answer(ask.client.post(CHAT, usual.body))
