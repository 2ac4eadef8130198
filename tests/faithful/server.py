"""The HTTP server around the API."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.faithful.api import Api, Refused
from tests.faithful.engine import Engine
from tests.faithful.faults import MODES


class FaithfulServer:
    """On 127.0.0.1, from `with` to its end.

    Args:
        engine: may be shared by several servers.
        mode: a key of `MODES`.
    """

    def __init__(self, engine: Engine, mode: str = "good") -> None:
        api = Api(engine, MODES[mode])
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.api = api
        self.base_url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    api: Api


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.close_connection = True
        if self.path != "/v1/models":
            return self._send(404, {"error": {"message": "Not found", "type": "NotFoundError"}})
        self._send(200, self.server.api.models())

    def do_POST(self) -> None:
        self.close_connection = True
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        api = self.server.api
        routes = {
            "/v1/chat/completions": lambda: api.answer("chat", body),
            "/v1/completions": lambda: api.answer("completions", body),
            "/v1/chat/completions/batch": lambda: api.batch(body),
            "/tokenize": lambda: api.tokenize(body),
            "/detokenize": lambda: api.detokenize(body),
        }
        if self.path not in routes:
            return self._send(404, {"error": {"message": "Not found", "type": "NotFoundError"}})
        try:
            found = routes[self.path]()
        except Refused as refused:
            error = {"message": str(refused), "type": "BadRequestError", "param": None, "code": 400}
            return self._send(400, {"error": error})
        if isinstance(found, dict):
            return self._send(200, found)
        events = [*map(json.dumps, found), "[DONE]"]
        data = "".join(f"data: {event}\n\n" for event in events).encode()
        self._send_bytes(200, data, "text/event-stream")

    def _send(self, status: int, body: object) -> None:
        self._send_bytes(status, json.dumps(body).encode(), "application/json")

    def _send_bytes(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(data))),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
