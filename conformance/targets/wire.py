"""One connection to a server, byte by byte: for what no HTTP client sends of its own accord.

Two requests in one piece, a body that comes drop by drop, a client that hangs up: httpx is too
well-behaved for these. Every wait has a deadline, and what was sent and came back is kept as
evidence with the client's other requests.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import h11
import httpx

from conformance.evidence import Exchange, clip, curl_line, redact
from conformance.targets import tls
from conformance.targets.client import CONNECT_TIMEOUT_S, Client, Interrupted, NoAnswer, Response

READ_AT_ONCE = 65536


class Wire:
    """A connection to the server of a client, open inside `with`.

    Args:
        timeout_s: deadline of each response, from when it is first waited for.
    """

    def __init__(self, client: Client, *, timeout_s: float | None = None) -> None:
        self._client = client
        self._timeout_s = timeout_s or client.timeout_s
        self._url = urlsplit(client.base_url)
        self._pending = b""
        self._asked: list[tuple[str, Exchange]] = []
        self.is_kept = True
        """Whether the last response leaves the connection open."""

    def __enter__(self) -> Self:
        secure = self._url.scheme == "https"
        host, port = self._url.hostname or "", self._url.port or (443 if secure else 80)
        try:
            plain = socket.create_connection((host, port), CONNECT_TIMEOUT_S)
        except OSError as error:
            raise Interrupted(
                f"No connection: {error}", self._exchange("GET", "", {}, b"")
            ) from error
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = tls.trusted().wrap_socket(plain, server_hostname=host) if secure else plain
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection, as a client does that has gone."""
        self._socket.close()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        framed: bytes | None = None,
        version: str = "1.1",
    ) -> bytes:
        """The bytes of a request that is about to be sent; its response is owed from now on.

        Args:
            path: below the base URL.
            body: bytes as they are, anything else as JSON.
            headers: added to Host, Content-Type, Content-Length and the key.
            framed: the body as it is framed on the wire, where not by its length.
        """
        data = b"" if body is None else body if isinstance(body, bytes) else _json(body)
        sent = {
            "Host": self._url.netloc,
            **self._client.credentials,
            "Content-Type": "application/json",
            **({} if framed is not None else {"Content-Length": str(len(data))}),
            **(headers or {}),
        }
        lines = [f"{method} {self._url.path}{path} HTTP/{version}"]
        lines += [f"{name}: {value}" for name, value in sent.items()]
        self._asked.append((method, self._exchange(method, path, sent, data)))
        head = "\r\n".join([*lines, "", ""]).encode("latin1")
        return head + (data if framed is None else framed)

    def send(self, data: bytes, *, pieces: int = 1, pause_s: float = 0.0) -> None:
        """Send bytes, in pieces with pauses between them. Raises Interrupted."""
        size = -(-len(data) // pieces)
        try:
            for start in range(0, len(data), size):
                if start:
                    time.sleep(pause_s)
                self._socket.sendall(data[start : start + size])
        except OSError as error:
            # Where the server has answered already, that is what counts.
            if not self._came(0.5):
                raise Interrupted(
                    f"The server hung up on a request: {error}", self._owed()
                ) from error

    def response(self) -> Response:
        """The next response, whole.

        Raises:
            NoAnswer: the deadline passed before it was complete.
            Interrupted: the connection ended before it was complete, or it is no HTTP.
        """
        method, owed = self._asked.pop(0)
        reading = _Reading(method)
        started = time.monotonic()
        self._socket.settimeout(self._timeout_s)
        while True:
            try:
                if reading.feed(self._pending):
                    break
            except h11.RemoteProtocolError as error:
                raise Interrupted(
                    f"No HTTP response: {error}", self._told(owed, reading)
                ) from error
            self._pending = self._read(started, owed, reading)
        self._pending, self.is_kept = reading.rest, reading.is_kept
        exchange = self._told(owed, reading, time.monotonic() - started)
        return Response(
            reading.status,
            httpx.Headers(reading.headers),
            tuple(reading.chunks),
            exchange.elapsed_s,
            exchange,
        )

    def read_some(self) -> bytes:
        """What comes next, whatever it is; b"" where the server hung up. Raises NoAnswer."""
        return self._read(time.monotonic(), self._owed(), None)

    def is_closed(self) -> bool:
        """Whether the server hangs up within a second, and sends nothing more."""
        return not self._pending and self._came(1.0) and not self._pending

    def more(self, within_s: float, in_all_s: float = 5.0) -> bytes:
        """All that came after the last response, waiting so long for each piece; it is kept.

        Args:
            in_all_s: after which it is enough, however much comes: a stream that is quick, and a
                peer that never stops, have always more.
        """
        size, until = -1, time.monotonic() + in_all_s
        while size < len(self._pending) and time.monotonic() < until:
            size = len(self._pending)
            self._came(within_s)
        return self._pending

    def _read(self, started: float, owed: Exchange, reading: _Reading | None) -> bytes:
        left = self._timeout_s - (time.monotonic() - started)
        try:
            self._socket.settimeout(max(left, 0.001))
            return self._socket.recv(READ_AT_ONCE)
        except TimeoutError:
            told = self._told(owed, reading)
            raise NoAnswer(f"No complete answer within {self._timeout_s:g} s", told) from None
        except OSError as error:
            told = self._told(owed, reading)
            raise Interrupted(f"The connection broke: {error}", told) from error

    def _came(self, within_s: float) -> bool:
        """Whether anything came, the end included; it is kept."""
        self._socket.settimeout(within_s)
        try:
            self._pending += self._socket.recv(READ_AT_ONCE)
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    def _owed(self) -> Exchange:
        return self._asked[0][1] if self._asked else self._exchange("GET", "", {}, b"")

    def _exchange(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Exchange:
        secrets, url = self._client.secrets, f"{self._client.base_url}{path}"
        shown = {name: value for name, value in headers.items() if name != "Host"}
        curl = curl_line(method, url, shown, body or None, secrets)
        return Exchange(curl, method, redact(url, secrets), None, "<nothing yet>", False, 0.0)

    def _told(self, owed: Exchange, reading: _Reading | None, elapsed_s: float = 0.0) -> Exchange:
        """The evidence of a request, with what came; the client keeps it."""
        raw = b"".join(data for _, data in reading.chunks) if reading else b""
        shown, cut = clip(redact(raw.decode(errors="backslashreplace"), self._client.secrets))
        told = Exchange(
            owed.curl,
            owed.method,
            owed.url,
            reading.status or None if reading else None,
            shown or "<nothing came>",
            cut,
            round(elapsed_s, 3),
        )
        self._client.exchanges.append(told)
        return told


class _Reading:
    """A response under way; `feed` says whether it is complete, `rest` is what follows it."""

    def __init__(self, method: str) -> None:
        self._http = h11.Connection(h11.CLIENT)
        self._http.send(h11.Request(method=method, target="/", headers=[("Host", "any")]))
        self._http.send(h11.EndOfMessage())
        self._started = time.monotonic()
        self._fed = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.chunks: list[tuple[float, bytes]] = []
        self.rest = b""
        self.is_kept = True

    def feed(self, data: bytes) -> bool:
        """Take more bytes; none, after the first time, means that the server hung up."""
        if data or self._fed:
            self._http.receive_data(data)
        self._fed = True
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                return False
            if isinstance(event, h11.ConnectionClosed):
                raise h11.RemoteProtocolError("the server hung up without an answer")
            if isinstance(event, h11.Response):
                self.status, self.headers = event.status_code, list(event.headers)
            if isinstance(event, h11.Data):
                self.chunks.append((time.monotonic() - self._started, bytes(event.data)))
            if isinstance(event, h11.EndOfMessage):
                self.rest = self._http.trailing_data[0]
                self.is_kept = self._http.their_state is h11.DONE
                return True


def _json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def in_chunks(data: bytes, pieces: int) -> bytes:
    """A body in the chunked transfer coding (RFC 9112, section 7.1)."""
    size = -(-len(data) // pieces)
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
