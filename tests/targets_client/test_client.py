"""The HTTP client, against servers that misbehave."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack

import anyio
import pytest

from conformance.outcomes import Failed
from conformance.targets import client as client_module
from conformance.targets.client import (
    BODY_LIMIT,
    Client,
    Endless,
    Interrupted,
    NoAnswer,
    Unreachable,
    _Heartbeat,
)
from tests.api.responses import response
from tests.misbehaving import MisbehavingServer

CHAT = "/chat/completions"
NASTY = """It's "quoted", $HOME, `id`, \\ and\na line; 世界 🙂 !"""


def body(text: str = "Hi") -> dict[str, object]:
    messages = [{"role": "user", "content": text}]
    return {"model": "canned", "messages": messages, "max_tokens": 200, "temperature": 0}


@pytest.mark.parametrize(
    ("mode", "failure"),
    [
        ("hangs", NoAnswer),
        ("drips-headers", NoAnswer),
        ("drips-body", NoAnswer),
        ("resets-midway", Interrupted),
        ("dies", Interrupted),
        ("dies-midway", Interrupted),
        ("not-http", Interrupted),
        ("endless-body", Endless),
    ],
)
def test_each_way_of_not_answering_has_its_failure(mode, failure):
    with MisbehavingServer(mode) as server, Client(server.base_url, timeout_s=10) as client:
        deadline = 0.5 if failure is NoAnswer else None
        started = time.monotonic()
        with pytest.raises(failure) as caught:
            client.post(CHAT, body(), timeout_s=deadline)
        if deadline:
            assert time.monotonic() - started < deadline + 1
        assert caught.value.exchange is client.exchanges[-1]
        assert caught.value.exchange.response.startswith("<")


def test_a_closed_port_is_unreachable():
    with MisbehavingServer() as server:
        pass
    with Client(server.base_url) as client, pytest.raises(Unreachable) as caught:
        client.get("/models")
    assert caught.value.exchange.status is None


def test_a_listener_that_never_accepts_is_no_answer():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with Client(f"http://127.0.0.1:{port}/v1") as client, pytest.raises(NoAnswer):
            client.get("/models", timeout_s=0.3)


def test_a_listener_whose_queue_is_full_is_unreachable(monkeypatch):
    monkeypatch.setattr(client_module, "CONNECT_TIMEOUT_S", 0.3)
    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # one is accepted into the queue; the rest of them wait for that
            other = waiting.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        port = full.getsockname()[1]
        with Client(f"http://127.0.0.1:{port}/v1") as client, pytest.raises(Unreachable):
            client.get("/models")


def test_an_endless_body_is_left_soon_after_the_limit():
    with MisbehavingServer("endless-body") as server, Client(server.base_url) as client:
        with pytest.raises(Endless, match=str(BODY_LIMIT)):
            client.get("/models")
        assert client.exchanges[-1].truncated
        assert len(client.exchanges[-1].response) < 5000


def test_what_had_come_is_kept_as_evidence():
    with MisbehavingServer("resets-midway") as server, Client(server.base_url) as client:
        with pytest.raises(Interrupted):
            client.get("/models")
        assert client.exchanges[-1].status == 200
        assert '{"object": "list"' in client.exchanges[-1].response


def test_the_pieces_of_an_answer_carry_their_times():
    with MisbehavingServer() as server, Client(server.base_url) as client:
        answer = client.post(CHAT, {**body("a long story"), "stream": True, "max_tokens": 20})
    moments = [moment for moment, _ in answer.chunks]
    assert moments == sorted(moments)
    assert 0 <= moments[0] < moments[-1] <= answer.elapsed_s
    assert moments[-1] - moments[0] > 0.05
    assert answer.body.endswith(b"data: [DONE]\n\n")


def test_an_interrupted_request_is_not_waited_for():
    with MisbehavingServer("drips-body") as server:
        with pytest.raises(KeyboardInterrupt), Client(server.base_url, timeout_s=30) as client:
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
            began = time.monotonic()
            client.post(CHAT, body())
        assert time.monotonic() - began < 5


def test_alive_says_whether_anything_answers():
    with MisbehavingServer("error-500") as server, Client(server.base_url) as client:
        assert client.alive()
        server.close()
        assert not client.alive()
        assert client.exchanges == []


@pytest.mark.parametrize("key", ["sk-secret-123", 'sk-"quoted"\\key'])
def test_a_key_is_in_no_evidence(key):
    with MisbehavingServer("echoes-key") as server, Client(server.base_url, api_key=key) as client:
        answer = client.post(CHAT, {**body(), "user": key}, headers={"X-Copy": key})
    assert key in json.loads(json.loads(answer.body)["and"]), "the server got it"
    said = client.exchanges[-1].curl + client.exchanges[-1].response
    assert key not in said
    assert json.dumps(key)[1:-1] not in said
    assert "Bearer $OPENAI_API_KEY" in said
    assert "[redacted]" in client.exchanges[-1].response


def test_a_key_is_not_in_the_evidence_of_a_failure():
    with (
        MisbehavingServer("hangs") as server,
        Client(server.base_url, api_key="sk-1") as client,
        pytest.raises(NoAnswer) as caught,
    ):
        client.post(CHAT, body("sk-1"), timeout_s=0.2)
    assert "sk-1" not in str(caught.value) + str(caught.value.exchange)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("text", ["Hi", NASTY])
def test_the_curl_line_repeats_the_request(text):
    key = 'sk-"1'
    with (
        MisbehavingServer(api_key=key) as server,
        Client(server.base_url, api_key=key) as client,
    ):
        answer = client.post(CHAT, body(text))
        line = client.exchanges[-1].curl
        repeated = subprocess.run(
            ["sh", "-c", line], env={"OPENAI_API_KEY": key}, capture_output=True, timeout=10
        )
    head, _, raw = repeated.stdout.partition(b"\r\n\r\n")
    assert b" 200 " in head, repeated
    assert json.loads(raw)["choices"] == answer.json()["choices"]
    assert json.loads(raw)["usage"] == answer.json()["usage"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("content", [b"", b'{"cut', b"null"])
def test_the_curl_line_repeats_a_broken_body(content):
    with MisbehavingServer() as server, Client(server.base_url) as client:
        answer = client.request("POST", CHAT, content=content)
        line = client.exchanges[-1].curl
        repeated = subprocess.run(["sh", "-c", line], capture_output=True, timeout=10)
    assert repeated.stdout.partition(b"\r\n\r\n")[2] == answer.body


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b'{"a": NaN}', b'{"a": -Infinity}', b"\xff{}", b"[" * 200_000, b"{} {}"],
    ids=["empty", "cut", "nan", "infinity", "not-utf8", "nested", "two"],
)
def test_what_is_not_json_is_judged(raw):
    with pytest.raises(Failed):
        response(raw).json()


def test_json_is_read():
    assert response({"a": [1, "🙂", None]}).json() == {"a": [1, "🙂", None]}


@pytest.mark.parametrize("busy_s", [0.0, 0.3], ids=["idle", "busy"])
def test_time_in_which_the_suite_could_not_run_is_noticed(busy_s):
    async def wait() -> float:
        with anyio.CancelScope() as scope, _Heartbeat(scope) as heartbeat:
            await asyncio.sleep(0.05)
            time.sleep(busy_s)
            return heartbeat.late_s()

    assert busy_s - 0.02 <= asyncio.run(wait()) < busy_s + 0.25


@pytest.mark.parametrize(
    ("busy_s", "then_s", "ends"), [(0.0, 60.0, True), (1.5, 0.1, False)], ids=["idle", "busy"]
)
def test_a_deadline_counts_no_time_in_which_the_suite_could_not_run(busy_s, then_s, ends):
    async def wait() -> bool:
        with anyio.CancelScope() as scope, _Heartbeat(scope) as heartbeat:
            heartbeat.allow(1.0)
            await asyncio.sleep(0.05)
            time.sleep(busy_s)
            await asyncio.sleep(then_s)
        return scope.cancelled_caught

    assert asyncio.run(wait()) is ends
