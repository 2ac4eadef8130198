"""Whatever answers at a URL, the probe says in one sentence what it is, and in time."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

import pytest

from conformance.targets.errors import TargetError
from conformance.targets.probe import Probe, probe

MODELS = json.dumps({"object": "list", "data": [{"id": "smol", "max_model_len": 2048}]})


def answer(status, kind, body):
    raw = body.encode()
    head = f"HTTP/1.1 {status} X\r\nServer: toy\r\nContent-Type: {kind}\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw


@contextlib.contextmanager
def server(respond):
    """A raw TCP server; `respond(request, connection)` writes what it likes. Yields its URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def handle(connection):
        with connection, contextlib.suppress(OSError):
            respond(connection.recv(65536).decode(), connection)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=handle, args=listener.accept()[:1], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def fixed(status, kind, body):
    return lambda request, connection: connection.sendall(answer(status, kind, body))


def only_below_v1(request, connection):
    found = request.startswith("GET /v1/models ")
    connection.sendall(
        answer(200, "application/json", MODELS)
        if found
        else answer(404, "application/json", '{"detail": "Not Found"}')
    )


def refusal(url, **options):
    with pytest.raises(TargetError) as caught:
        probe(url, **{"api_key": None, **options})
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


def test_what_is_served():
    with server(fixed(200, "application/json", MODELS)) as url:
        found = probe(f"{url}/v1/", api_key=None)
    assert found == Probe(f"{url}/v1", ["smol"], "smol", 2048, "toy")


def test_v1_is_added_to_a_bare_url():
    with server(only_below_v1) as url:
        assert probe(url, api_key=None).base_url == f"{url}/v1"


def test_another_path_is_not_guessed():
    with server(only_below_v1) as url:
        message = refusal(f"{url}/api")
    assert message == (
        f"{url}/api/models answered with status 404; "
        f"the base URL usually ends in /v1, try {url}/api/v1."
    )


def test_the_key_is_sent():
    seen = []

    def respond(request, connection):
        seen.append(request)
        connection.sendall(answer(200, "application/json", MODELS))

    with server(respond) as url:
        probe(f"{url}/v1", api_key="sk-test")
    assert "authorization: bearer sk-test" in seen[0].lower()


def test_connection_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    assert refusal(url) == f"No server answers at {url} (connection refused)."


def test_unknown_host():
    assert "The host name of http://maccord.invalid cannot be resolved" in refusal(
        "http://maccord.invalid"
    )


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://x/v1", "http://", "http://x:notaport", "", "http://a b/v1"]
)
def test_no_url(url):
    assert refusal(url).startswith(f"{url!r} is not a base URL")


def test_credentials_in_the_url_are_refused_and_not_repeated():
    message = refusal("http://me:hunter2@127.0.0.1:1/v1")
    assert "must not contain a user name or password" in message
    assert "hunter2" not in message


def silent(request, connection):
    connection.recv(1)


def trickling_headers(request, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def trickling_body(request, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


@pytest.mark.parametrize("respond", [silent, trickling_headers, trickling_body])
@pytest.mark.parametrize("path", ["", "/v1"])
def test_the_deadline_holds_for_the_whole(respond, path):
    with server(respond) as url:
        began = time.monotonic()
        message = refusal(f"{url}{path}", timeout_s=1.0)
        assert time.monotonic() - began < 1.5
    assert message == f"{url}{path} did not answer within 1 s."


def test_endless_data():
    def respond(request, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
        while True:
            connection.sendall(b"1," * 8192)

    with server(respond) as url:
        assert "sends more than 1 MiB" in refusal(f"{url}/v1")


def test_html_instead_of_json():
    with server(fixed(200, "text/html", "<!doctype html><title>Chat</title>")) as url:
        assert refusal(f"{url}/ui") == (
            f"{url}/ui/models answered with an HTML page instead of JSON; "
            f"the base URL usually ends in /v1, try {url}/ui/v1."
        )
        bare = refusal(url)
        assert f"neither {url}/models nor {url}/v1/models lists models" in bare
        assert "HTML page" in bare


def test_not_http_at_all():
    with server(lambda request, connection: connection.sendall(b"220 mail ESMTP\r\n")) as url:
        assert "does not answer as an HTTP server does" in refusal(f"{url}/v1")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"data": [', "answered with invalid JSON"),
        ("\xff", "answered with invalid JSON"),
        ('{"models": []}', "JSON that is no list of models"),
        ("[]", "JSON that is no list of models"),
        ('{"data": [{"name": "x"}]}', "JSON that is no list of models"),
        ('{"data": null}', "JSON that is no list of models"),
        ('{"data": []}', "its list of models is empty"),
    ],
)
def test_json_that_is_no_list_of_models(body, message):
    with server(fixed(200, "application/json", body)) as url:
        assert message in refusal(f"{url}/v1")


@pytest.mark.parametrize("status", [401, 403])
def test_access_refused(status):
    with server(fixed(status, "application/json", "{}")) as url:
        assert "wants an API key" in refusal(f"{url}/v1")
        with_key = refusal(f"{url}/v1", api_key="sk-secret")
    assert "does not accept the API key that --api-key-env names" in with_key
    assert "sk-secret" not in with_key


def test_a_key_that_no_header_can_carry():
    with server(fixed(200, "application/json", MODELS)) as url:
        for key in ("schlüssel", "two\nlines"):
            message = refusal(f"{url}/v1", api_key=key)
            assert "characters that an HTTP header cannot carry" in message
            assert key not in message


def test_server_error():
    with server(fixed(503, "application/json", "{}")) as url:
        assert "answered with status 503; see the server's log" in refusal(f"{url}/v1")


def test_redirect_is_named_and_not_followed():
    def respond(request, connection):
        connection.sendall(
            b"HTTP/1.1 302 X\r\nLocation: https://example.org/\r\nContent-Length: 0\r\n\r\n"
        )

    with server(respond) as url:
        assert "redirects to https://example.org/" in refusal(f"{url}/v1", api_key="sk")


def test_which_model():
    two = json.dumps({"data": [{"id": "a"}, {"id": "b", "max_model_len": True}]})
    with server(fixed(200, "application/json", two)) as url:
        assert "does not serve 'c'; it serves a, b" in refusal(f"{url}/v1", model="c")
        assert "serves a, b; say with --model which one" in refusal(f"{url}/v1")
        found = probe(f"{url}/v1", api_key=None, model="b")
    assert (found.model, found.max_model_len) == ("b", None)
