"""A server that is right on the wire, or wrong in one named way.

It says the same few words to everybody; what is under test is how it reads requests, keeps
connections and refuses. `FAULTS` names the ways in which it can be wrong.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import BinaryIO

from tests.api.responses import ERROR, chat_answer, chat_chunk, events

MODEL = "wired"
WORDS = ["alpha", " beta", " gamma", " delta", " epsilon"]
LIMIT = 1024 * 1024
SECOND_S = 1.0

FAULTS = {
    "leaves-bodies": "what it refuses it does not read, and keeps the connection",
    "hangs-up": "closes each connection without saying so",
    "stays": "does not close a connection that was to be closed",
    "one-of-two": "answers only the first of two requests that come at once",
    "one-client": "serves one connection at a time",
    "first-piece": "takes the first piece of a body for the whole",
    "no-chunks": "does not know the chunked transfer coding",
    "no-continue": "does not tell a client to go on",
    "chunks-for-all": "answers HTTP/1.0 in chunks",
    "body-for-head": "answers HEAD with a body",
    "fails-on-size": "answers 500 to a large body",
    "fails-on-depth": "answers 500 to deeply nested JSON",
    "first-wins": "of a field that stands twice the first one counts",
    "takes-nan": "takes what is no number for one",
    "fails-on-surrogates": "answers 500 to half of a surrogate pair",
    "refuses-nulls": "refuses control characters",
    "guesses-json": "takes what is no JSON",
    "lies-about-gzip": "says that an answer is compressed, which it is not",
    "ignores-coding": "does not see that a body is compressed, and answers something",
    "asks-browsers-for-a-key": "answers a preflight with 401",
    "hides-errors": "lets a web page read answers, and no errors",
    "trusts-every-page": "takes any page's credentials",
    "needs-no-key": "takes any key",
    "forbids": "refuses a wrong key with 403",
    "wants-a-key": "refuses any key, where it needs none",
    "few-at-once": "refuses more than 16 requests at once",
    "mixes-up": "gives some the answers of others",
    "wants-events": "refuses a stream to those who take JSON",
    "resumes": "goes on with a stream where an earlier one ended",
    "gives-up": "answers no more after a client that hung up",
}


class WireServer:
    """Serves at `base_url` inside `with`; `fault` is one of `FAULTS`, or "" for none."""

    def __init__(self, fault: str = "", api_key: str | None = None) -> None:
        kind = HTTPServer if fault == "one-client" else ThreadingHTTPServer
        self._http = kind(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self._http.request_queue_size = 128
        self._http.server_bind()
        self._http.server_activate()
        self._http.daemon_threads = True  # type: ignore[attr-defined]
        self._http.block_on_close = False  # type: ignore[attr-defined]
        self._http.handle_error = lambda request, address: None  # type: ignore[method-assign]
        self._http.owner = self  # type: ignore[attr-defined]
        self.fault, self.api_key = fault, api_key
        self.lock, self.in_flight, self.served, self.broken = threading.Lock(), 0, 0, False
        self.base_url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> WireServer:
        poll = {"poll_interval": 0.05}
        threading.Thread(target=self._http.serve_forever, kwargs=poll, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.fault != "one-client":  # which may be waiting for a client for ever
            self._http.shutdown()
        self._http.server_close()


class Refused(Exception):
    """Status of a refusal."""


class _Unread:
    """What comes next on a connection on which a body has been left."""

    def __init__(self, left: bytes, rest: BinaryIO) -> None:
        self.left, self.rest = io.BytesIO(left), rest

    def readline(self, size: int = -1) -> bytes:
        line = self.left.readline(size)
        return line if line.endswith(b"\n") else line + self.rest.readline(size)

    def read(self, size: int) -> bytes:
        found = self.left.read(size)
        return found + self.rest.read(size - len(found))

    def close(self) -> None:
        self.rest.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        self.owner: WireServer = self.server.owner  # type: ignore[attr-defined]
        self.fault = self.owner.fault
        super().setup()

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def handle_expect_100(self) -> bool:
        if self.fault == "no-continue":
            return True
        found = super().handle_expect_100()
        self.wfile.flush()
        return found

    def do_OPTIONS(self) -> None:
        if self.fault == "asks-browsers-for-a-key":
            return self.reply(401, ERROR)
        self.reply(200, {}, {"Access-Control-Allow-Headers": "authorization, content-type"})

    def do_HEAD(self) -> None:
        self.reply(405, ERROR)

    def do_GET(self) -> None:
        found = {"id": MODEL, "object": "model", "created": 1, "owned_by": "nobody"}
        known = self.path == "/v1/models"
        listed = {"object": "list", "data": [{**found, "max_model_len": 512}]}
        self.reply(200 if known else 404, listed if known else ERROR)

    def do_POST(self) -> None:
        if self.owner.broken:
            time.sleep(30)
        with self.owner.lock:
            self.owner.in_flight += 1
            self.owner.served += 1
        try:
            self.answer(self.request_body())
        except Refused as refused:
            self.reply(int(str(refused)), ERROR)
        except OSError:
            self.owner.broken = self.fault == "gives-up"
            raise
        finally:
            with self.owner.lock:
                self.owner.in_flight -= 1
        if self.fault in ("hangs-up", "one-of-two"):
            self.close_connection = True

    # Reading -----------------------------------------------------------------------------------

    def request_body(self) -> dict:
        data = self.raw()
        try:
            return self.accepted(data)
        except Refused:
            if self.fault == "leaves-bodies":
                self.rfile = _Unread(data, self.rfile)
            raise

    def accepted(self, data: bytes) -> dict:
        self.check_key()
        if self.headers.get("content-encoding") == "gzip":
            if self.fault != "ignores-coding":
                raise Refused(415)
            return {"messages": [], "max_tokens": 1}
        if len(data) > LIMIT:
            raise Refused(500 if self.fault == "fails-on-size" else 413)
        return self.checked(self.parsed(data))

    def raw(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", "") and self.fault != "no-chunks":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        length = int(self.headers.get("content-length") or 0)
        if self.fault == "first-piece":
            return self.rfile.read1(length)
        data = self.rfile.read(length)
        if len(data) < length and self.fault == "gives-up":
            self.owner.broken = True
        return data

    def check_key(self) -> None:
        given, needed = self.headers.get("authorization"), self.owner.api_key
        if self.fault == "wants-a-key" and given:
            raise Refused(401)
        if needed and given != f"Bearer {needed}" and self.fault != "needs-no-key":
            raise Refused(403 if self.fault == "forbids" else 401)

    def parsed(self, data: bytes) -> object:
        def pairs(found: list) -> dict:
            return dict(reversed(found) if self.fault == "first-wins" else found)

        try:
            return json.loads(data.decode(), object_pairs_hook=pairs)
        except RecursionError:
            raise Refused(500 if self.fault == "fails-on-depth" else 400) from None
        except ValueError:
            if self.fault != "guesses-json":
                raise Refused(400) from None
            return {"messages": [{"content": "Hi"}], "max_tokens": 1}

    def checked(self, body: object) -> dict:
        if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
            raise Refused(400)
        for name in ("temperature", "top_p"):
            value = body.get(name, 1)
            allowed = isinstance(value, int | float) and 0 <= value <= 2
            if not allowed and not (self.fault == "takes-nan" and not math.isfinite(value)):
                raise Refused(400)
        if body.get("model", MODEL) != MODEL:
            raise Refused(404)
        text = json.dumps(body["messages"])
        try:
            "".join(each.get("content", "") for each in body["messages"]).encode()
        except UnicodeEncodeError:
            raise Refused(500 if self.fault == "fails-on-surrogates" else 400) from None
        if self.fault == "refuses-nulls" and "\\u0000" in text:
            raise Refused(400)
        return body

    # Answering ---------------------------------------------------------------------------------

    def answer(self, body: dict) -> None:
        count = min(body.get("max_tokens", 3), len(WORDS))
        if self.fault in ("few-at-once", "mixes-up"):
            time.sleep(0.1)
        if self.fault == "few-at-once" and self.owner.in_flight > 16:
            raise Refused(503)
        size = len(json.dumps(body["messages"]))
        if self.fault == "mixes-up" and self.owner.in_flight > 8:
            size += 1
        if not body.get("stream"):
            usage = {"prompt_tokens": size, "completion_tokens": count}
            total = {"total_tokens": size + count}
            text = "".join(WORDS[:count])
            return self.reply(200, chat_answer(text, "length", usage={**usage, **total}))
        if self.fault == "wants-events" and "json" in self.headers.get("accept", ""):
            raise Refused(400)
        start = 1 if self.fault == "resumes" and self.headers.get("last-event-id") else 0
        parts = [chat_chunk(word) for word in WORDS[start:count]]
        data = events(*parts, chat_chunk("", "length"), "[DONE]")
        self.reply(200, data, {"Content-Type": "text/event-stream"})

    def reply(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        old = self.request_version == "HTTP/1.0"
        chunked = self.fault == "chunks-for-all" and old
        fields = {"Content-Type": "application/json", **(headers or {})}
        if "gzip" in self.headers.get("accept-encoding", "") and "json" in fields["Content-Type"]:
            fields["Content-Encoding"] = "gzip"
            lies = self.fault == "lies-about-gzip" and self.headers["accept-encoding"] == "gzip"
            data = data if lies else gzip.compress(data)
        if status < 400 or self.fault != "hides-errors":
            fields["Access-Control-Allow-Origin"] = "*"
        if self.fault == "trusts-every-page":
            origin = self.headers.get("origin", "*")
            fields["Access-Control-Allow-Origin"] = origin
            fields["Access-Control-Allow-Credentials"] = "true"
        fields |= (
            {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(data))}
        )
        if self.close_connection and self.fault != "stays":
            fields["Connection"] = "close"
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        if chunked:
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
        if self.command != "HEAD" or self.fault == "body-for-head":
            self.wfile.write(data)
        self.wfile.flush()
        if self.fault == "stays" and self.close_connection:
            time.sleep(3 * SECOND_S)
