"""An HTTP client that trusts nothing: raw bytes, a total deadline, a size limit, evidence kept.

The official `openai` client hides what a conformance suite has to see (framing, status, raw JSON)
and retries on its own; httpx shows it all. Every request ends within its deadline, whatever the
server does: accepts and never answers, drips its headers, sends without end, dies midway. Time in
which a busy machine does not let the suite run is not the server's, and no deadline counts it.
"""

from __future__ import annotations

import asyncio
import copy
import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

import anyio
import httpx
from anyio.from_thread import start_blocking_portal

from conformance.evidence import Exchange, clip, curl_line, redact
from conformance.outcomes import Failed
from conformance.targets import tls

BODY_LIMIT = 8 * 1024 * 1024
"""Bytes after which an answer counts as endless; no request of the suite asks for more."""

CONNECT_TIMEOUT_S = 5.0
_CONNECTED = "http11.send_request_headers.started"
"""What httpcore says as soon as a connection is there."""

ALIVE_TIMEOUT_S = 20.0


class TransportFailure(Exception):
    """No complete HTTP response came back. `exchange` holds what did."""

    def __init__(self, message: str, exchange: Exchange) -> None:
        super().__init__(message)
        self.exchange = exchange


class Unreachable(TransportFailure):
    """The connection was refused or could not be made."""


class NoAnswer(TransportFailure):
    """The deadline passed before the response was complete."""


class Interrupted(TransportFailure):
    """The connection ended, or stopped being HTTP, before the response was complete."""


class Endless(TransportFailure):
    """The response passed the size limit."""


@dataclass(frozen=True)
class Response:
    """A complete HTTP response with its raw bytes.

    `chunks` are the pieces as they arrived: seconds since the request, and bytes. `held_up_s` says
    for how long a busy machine kept the suite from reading, so that they may have lain there.
    """

    status: int
    headers: httpx.Headers
    chunks: tuple[tuple[float, bytes], ...]
    elapsed_s: float
    exchange: Exchange
    held_up_s: float = 0.0

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.chunks)

    def text(self) -> str:
        """The body as UTF-8.

        Raises:
            Failed: the body is not valid UTF-8.
        """
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise Failed(
                "The response is not valid UTF-8",
                expected="UTF-8",
                actual=f"byte {self.body[error.start]:#04x} at offset {error.start}",
            ) from None

    def json(self) -> Any:
        """The body as JSON, by the letter of RFC 8259 (NaN and Infinity are not JSON).

        Raises:
            Failed: the body is not JSON.
        """
        text = self.text()
        try:
            return json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:  # the latter where it is nested too deeply
            raise Failed(
                "The response is not JSON", expected=f"JSON with status {self.status}",
                actual=f"{error}: {clip(text, 200)[0]!r}",
            ) from None  # fmt: skip


class Client:
    """Sends requests to one target and remembers them as evidence.

    Args:
        base_url: with the API's base path, for example `http://127.0.0.1:8000/v1`.
        api_key: sent as a bearer token; never part of any evidence.
        timeout_s: total deadline of one request, connection to last byte.
        body_limit: bytes after which an answer counts as endless.

    Attributes:
        credentials: the headers that carry the key, none where there is no key.
        secrets: what must not stand in any evidence.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        body_limit: int = BODY_LIMIT,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeout_s = timeout_s
        self.body_limit = body_limit
        self.exchanges: list[Exchange] = []
        self.secrets = [api_key] if api_key else []
        self.credentials = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._stack = ExitStack()

    @property
    def root(self) -> str:
        """The URL below which vLLM's own operations are: the base URL without OpenAI's `/v1`."""
        return self.base_url.removesuffix("/v1")

    def __enter__(self) -> Self:
        self._portal = self._stack.enter_context(start_blocking_portal())
        # No connection is kept: a server that closes idle ones must not look like one that fails.
        self._http = self._stack.enter_context(
            self._portal.wrap_async_context_manager(
                httpx.AsyncClient(
                    limits=httpx.Limits(max_keepalive_connections=0),
                    headers={"Accept-Encoding": "identity", "User-Agent": "maccord"},
                    trust_env=False,
                    verify=tls.trusted(),
                    timeout=None,
                )
            )
        )
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def without_key(self) -> Client:
        """This client without its key, inside its `with`; the evidence is kept in one list."""
        other = copy.copy(self)
        other.credentials = {}
        return other

    def get(self, path: str, **options: Any) -> Response:
        """GET `path` below the base URL. Options as in `request`."""
        return self.request("GET", path, **options)

    def post(self, path: str, json: object = None, **options: Any) -> Response:
        """POST `json` to `path` below the base URL. Options as in `request`."""
        return self.request("POST", path, json=json, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Response:
        """Send one request and read the whole response.

        Args:
            path: below the base URL; or a whole URL on the same server, as below `root`.
            json: a body to send as JSON; or `content`, bytes sent as they are.
            timeout_s: another deadline than the client's.

        Raises:
            TransportFailure: no complete response within the deadline and the size limit.
        """
        body = _encode(json) if json is not None else content
        sent = {**self.credentials, **(headers or {})}
        if body is not None and not any(name.lower() == "content-type" for name in sent):
            sent["Content-Type"] = "application/json"
        deadline_s = timeout_s or self.timeout_s
        url = path if path.startswith(self.root) else self.base_url + path
        attempt = _Attempt(method, url, sent, body, self.secrets)
        try:
            return self._portal.call(self._send, attempt, deadline_s)
        finally:
            if attempt.exchange is not None:
                self.exchanges.append(attempt.exchange)

    def alive(self) -> bool:
        """Whether anything answers HTTP at the base URL, within `ALIVE_TIMEOUT_S`."""
        attempt = _Attempt("GET", f"{self.base_url}/models", self.credentials, None, self.secrets)
        try:
            self._portal.call(self._send, attempt, min(self.timeout_s, ALIVE_TIMEOUT_S))
        except TransportFailure:
            return False
        return True

    async def _send(self, attempt: _Attempt, deadline_s: float) -> Response:
        try:
            with anyio.CancelScope() as scope, _Heartbeat(scope) as heartbeat:
                return await self._read(attempt, deadline_s, heartbeat)
        except httpx.ConnectError as error:
            raise Unreachable(
                f"The server cannot be reached: {error}", attempt.finish("no connection")
            ) from None
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise Interrupted(
                f"The connection broke before the response was complete: {reason}",
                attempt.finish(f"connection broke: {reason}"),
            ) from None
        if not attempt.connected and deadline_s > CONNECT_TIMEOUT_S:
            raise Unreachable(
                f"The server cannot be reached: no connection within {CONNECT_TIMEOUT_S:g} s",
                attempt.finish("no connection"),
            )
        raise NoAnswer(
            f"No complete answer within {deadline_s:g} s"
            + (f" ({attempt.size} bytes had come)" if attempt.size else ""),
            attempt.finish("deadline passed"),
        )

    async def _read(self, attempt: _Attempt, deadline_s: float, heartbeat: _Heartbeat) -> Response:
        async def follow(event: str, info: object) -> None:
            if event == _CONNECTED:
                attempt.connected = True
                heartbeat.allow(deadline_s)

        heartbeat.allow(min(deadline_s, CONNECT_TIMEOUT_S))
        async with self._http.stream(
            attempt.method,
            attempt.url,
            headers=attempt.headers,
            content=attempt.body,
            extensions={"trace": follow},
        ) as response:
            attempt.status = response.status_code
            async for data in response.aiter_raw():
                attempt.add(data)
                if attempt.size > self.body_limit:
                    raise Endless(
                        f"The response did not end: over {self.body_limit} bytes",
                        attempt.finish("endless response"),
                    )
            return Response(
                response.status_code,
                response.headers,
                tuple(attempt.chunks),
                attempt.elapsed(),
                attempt.finish(),
                heartbeat.late_s(),
            )


class _Heartbeat:
    """A deadline that counts the time in which this process runs, and how much it does not.

    Wakes up every so often while it is entered, and adds up how much too late that was. Nothing
    else runs in the event loop than requests, so that what comes late is the process: threads of
    it were seen to wait for a core for 3.5 s while an engine kept both of a machine busy.

    Args:
        scope: cancelled when the time that is allowed has passed.
    """

    PERIOD_S = 0.01

    def __init__(self, scope: anyio.CancelScope) -> None:
        self._scope = scope

    def __enter__(self) -> Self:
        self._loop, self._late_s = asyncio.get_running_loop(), 0.0
        self._began = self._loop.time()
        self._schedule()
        return self

    def __exit__(self, *exc: object) -> None:
        self._next.cancel()

    def allow(self, seconds: float) -> None:
        """Lets the scope run for so long, since it was entered, in place of what was allowed."""
        self._scope.deadline = self._began + seconds + self._late_s

    def late_s(self) -> float:
        """Seconds so far, a wake-up included that should have been by now."""
        return self._late_s + max(0.0, self._loop.time() - self._next.when())

    def _schedule(self) -> None:
        self._next = self._loop.call_later(self.PERIOD_S, self._beat)

    def _beat(self) -> None:
        late = max(0.0, self._loop.time() - self._next.when())
        self._late_s += late
        self._scope.deadline += late
        self._schedule()


class _Attempt:
    """A request under way: what was sent, and what has come so far."""

    def __init__(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, secrets: list[str]
    ) -> None:
        self.method, self.url, self.headers, self.body = method, url, headers, body
        self.status: int | None = None
        self.chunks: list[tuple[float, bytes]] = []
        self.size = 0
        self.connected = False
        self.exchange: Exchange | None = None
        self._secrets = secrets
        self._started = time.monotonic()

    def elapsed(self) -> float:
        return time.monotonic() - self._started

    def add(self, data: bytes) -> None:
        self.chunks.append((self.elapsed(), data))
        self.size += len(data)

    def finish(self, trouble: str = "") -> Exchange:
        raw = b"".join(data for _, data in self.chunks).decode(errors="backslashreplace")
        shown, cut = clip(redact(raw, self._secrets))
        self.exchange = Exchange(
            curl=curl_line(self.method, self.url, self.headers, self.body, self._secrets),
            method=self.method,
            url=redact(self.url, self._secrets),
            status=self.status,
            response=f"<{trouble}> {shown}".strip() if trouble else shown,
            truncated=cut,
            elapsed_s=round(self.elapsed(), 3),
        )
        return self.exchange


def _encode(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
