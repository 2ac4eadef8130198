"""The server in memory behind HTTP, for clients that other people wrote."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.agentic.server import Fault, MemoryServer


class HttpServer:
    """Serves a `MemoryServer` on 127.0.0.1 for as long as it is entered."""

    def __init__(self, fault: Fault) -> None:
        memory = MemoryServer(fault)

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *arguments: Any) -> None:
                pass

            def do_any(self) -> None:
                content = self.rfile.read(int(self.headers.get("content-length") or 0))
                body = json.loads(content) if content else None
                path = self.path.removeprefix("/v1").removesuffix("?beta=true")
                response = memory.request(self.command, path, json=body)
                self.send_response(response.status)
                self.send_header("Content-Type", response.headers["content-type"])
                self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body)

            do_GET = do_POST = do_any

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

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
        self._http.shutdown()
        self._http.server_close()
