"""How a stream is asked for: the headers of browsers and proxies change nothing."""

from __future__ import annotations

import pytest

from conformance.api import expect
from conformance.api.ask import Ask, read_stream
from conformance.api.prompts import Prompts
from conformance.api.transport.usual import CHAT, Usual
from conformance.requirements import MUST, requirement

HEADERS = {
    "accept-json": {"Accept": "application/json"},
    "accept-events": {"Accept": "text/event-stream"},
    "reconnect": {"Accept": "text/event-stream", "Last-Event-ID": "3"},
    "no-cache": {"Accept": "text/event-stream", "Cache-Control": "no-cache"},
    "gzip": {"Accept-Encoding": "gzip, deflate, br, zstd"},
}
"""Headers of clients that ask for a stream: OpenAI's, browsers', those that lost a connection."""


@pytest.mark.parametrize("headers", HEADERS)
@requirement(
    "api/transport/stream-headers",
    MUST,
    source="WHATWG HTML, section 9.2 (server-sent events); vLLM",
    profiles=("api",),
    honours="chat.completions.create: stream",
)
def test_stream_headers(ask: Ask, prompts: Prompts, headers: str) -> None:
    """A stream MUST come whole and from its beginning, whatever a client says that it takes, and
    also where it says that it lost an earlier one.

    OpenAI's clients say that they take JSON, browsers that they take events. One that lost a stream
    asks again; an answer that goes on where another one ended has no beginning.
    """
    usual = Usual.asked(ask, prompts)
    body = {**usual.body, "stream": True}
    stream = read_stream(ask.client.post(CHAT, body, headers=HEADERS[headers]))
    expect.same(stream.chat_text(), usual.text, what="The stream")
