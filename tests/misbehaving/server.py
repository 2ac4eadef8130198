"""The HTTP server around the canned model, with one fault or none."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.misbehaving import protocol
from tests.misbehaving.faults import GOOD, MODES, Crash, Fault, Hang

TOKEN_S = 0.005
"""Seconds between two events of a stream."""

ROUTES = {
    ("GET", "/v1/models"): "models",
    ("POST", "/v1/chat/completions"): "chat",
    ("POST", "/v1/completions"): "completions",
}


@dataclass
class Reply:
    """What is about to be sent: a body, or the events of a stream, and the share of them that is
    held back and sent at once."""

    status: int
    body: bytes = b""
    events: list[bytes] | None = None
    kind: str = "application/json"
    held: float = 0.0


class MisbehavingServer:
    """A server on 127.0.0.1 that serves the canned model and has the fault `mode`.

    Args:
        mode: a key of `MODES`.
        port: 0 takes a free one.
        after: the fault begins after this many requests.
        only: the fault concerns only paths that contain this, such as "chat".
        api_key: other keys are refused with 401.
        process: whether the fault "dies" ends this process, or only this server.
    """

    def __init__(
        self,
        mode: str = GOOD,
        *,
        port: int = 0,
        after: int = 0,
        only: str = "",
        api_key: str | None = None,
        process: bool = False,
    ) -> None:
        self.fault = MODES[mode]
        self.after, self.only, self.api_key, self.process = after, only, api_key, process
        self.requests: list[str] = []
        self.closing = threading.Event()
        self.hung = threading.Event()
        self._connections: set[socket.socket] = set()
        self._http = _Http(("127.0.0.1", port), _Handler)
        self._http.owner = self
        self.port: int = self._http.server_address[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        poll = {"poll_interval": 0.05}
        threading.Thread(target=self._http.serve_forever, kwargs=poll, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def serve(self) -> None:
        """Serve until the process ends."""
        self._http.serve_forever()

    def close(self) -> None:
        """Stop listening and break all connections."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def die(self) -> None:
        """End at once, as a crash does."""
        if self.process:
            os._exit(1)
        self.close()

    def fault_for(self, path: str) -> Fault:
        """The fault that this request meets; counts it."""
        self.requests.append(path)
        faulty = len(self.requests) > self.after and self.only in path
        return self.fault if faulty else MODES[GOOD]


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    owner: MisbehavingServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that went away, or a connection broken on purpose


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "misbehaving"
    server: _Http

    @property
    def owner(self) -> MisbehavingServer:
        return self.server.owner

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.owner._connections.add(self.connection)

    def finish(self) -> None:
        self.owner._connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def handle_any(self) -> None:
        self.close_connection = True
        content = self.rfile.read(int(self.headers.get("content-length") or 0))
        fault = self.owner.fault_for(self.path)
        try:
            reply = fault.reply(self._reply(content, fault), self)
        except Crash:
            return self.owner.die()
        except Hang:
            self.owner.hung.set()
        if self.owner.hung.is_set() and self.command == "POST":
            self.pause(600)
            return
        if fault.connection is not None:
            fault.connection(self, reply)
        elif reply.events is None:
            self.send_body(reply)
        else:
            self.send_events(reply)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

    def _reply(self, content: bytes, fault: Fault) -> Reply:
        try:
            route = self._route()
            if route == "models":
                return Reply(200, _json(protocol.models()))
            return self._answer(route, content, fault)
        except protocol.Refused as refused:
            return Reply(refused.status, _json(refused.body()))

    def _route(self) -> str:
        key = self.owner.api_key
        if key is not None and self.headers.get("authorization") != f"Bearer {key}":
            raise protocol.Refused(401, "The API key is wrong.")
        if found := ROUTES.get((self.command, self.path)):
            return found
        known = any(path == self.path for _, path in ROUTES)
        raise protocol.Refused(
            405 if known else 404, "Method not allowed" if known else "Not found"
        )

    def _answer(self, route: str, content: bytes, fault: Fault) -> Reply:
        try:
            if "json" not in self.headers.get("content-type", ""):
                raise protocol.Refused(400, "The content type must be application/json.")
            try:
                body = json.loads(content)
            except ValueError as error:
                raise protocol.Refused(400, f"The body is not JSON: {error}") from None
            protocol.check(route, body)
        except protocol.Refused as refused:
            body = fault.refusal(route, refused)
        body = fault.request(body)
        generated = [fault.generated(answer, body) for answer in protocol.answers(route, body)]
        if not body.get("stream"):
            return Reply(200, _json(fault.answer(protocol.whole(route, body, generated))))
        chunks = fault.chunks(protocol.chunks(route, body, generated))
        events = [b"data: " + _json(chunk) + b"\n\n" for chunk in chunks]
        events = fault.events([*events, b"data: [DONE]\n\n"])
        return Reply(200, events=events, kind="text/event-stream; charset=utf-8")

    # Sending -----------------------------------------------------------------------------------

    def send_head(self, reply: Reply, *fields: tuple[str, str]) -> None:
        self.send_response(reply.status)
        for name, value in (("Content-Type", reply.kind), ("Connection", "close"), *fields):
            self.send_header(name, value)
        self.end_headers()

    def send_body(self, reply: Reply) -> None:
        self.send_head(reply, ("Content-Length", str(len(reply.body))))
        self.wfile.write(reply.body)

    def send_events(self, reply: Reply) -> None:
        self.send_head(reply, ("Transfer-Encoding", "chunked"))
        events = reply.events or []
        held = int(reply.held * len(events))
        self.pause(TOKEN_S * held)
        for number, event in enumerate(events, 1):
            self.send_chunk(event)
            if number > held:
                self.pause(TOKEN_S)
        self.wfile.write(b"0\r\n\r\n")

    def send_chunk(self, data: bytes) -> None:
        """One piece of a chunked body."""
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def pause(self, seconds: float) -> bool:
        """Sleep, at most until the server closes; whether it has closed."""
        return self.owner.closing.wait(seconds)

    def reset(self) -> None:
        """Break the connection with RST."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.wfile.flush()
        time.sleep(0.02)  # so that what was sent is read before the reset
        self.connection.close()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
