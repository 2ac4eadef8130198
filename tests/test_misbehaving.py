"""The misbehaving server itself, where other tests rely on it."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from conformance.targets.client import Client, TransportFailure
from tests.misbehaving import MODES, MisbehavingServer

ROOT = Path(__file__).parents[1]


def test_a_fault_begins_after_so_many_requests():
    with MisbehavingServer("error-500", after=2) as server:
        statuses = [httpx.get(f"{server.base_url}/models").status_code for _ in range(4)]
    assert statuses == [200, 200, 500, 500]


def test_a_fault_may_concern_some_paths_only():
    with MisbehavingServer("error-500", only="chat") as server:
        assert httpx.get(f"{server.base_url}/models").status_code == 200
        assert httpx.post(f"{server.base_url}/chat/completions").status_code == 500
        assert server.requests == ["/v1/models", "/v1/chat/completions"]


def test_another_key_is_refused():
    with MisbehavingServer(api_key="right") as server:
        url = f"{server.base_url}/models"
        assert httpx.get(url).status_code == 401
        assert httpx.get(url, headers={"Authorization": "Bearer right"}).status_code == 200


def test_it_dies_as_a_process():
    command = [sys.executable, "-m", "tests.misbehaving", "--mode", "dies", "--after", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip() + "/models"
        assert httpx.get(url).status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get(url)
        assert process.wait(5) == 1


@pytest.mark.parametrize("mode", MODES)
def test_no_fault_outlives_its_server(mode):
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True, "max_tokens": 2}
    with MisbehavingServer(mode) as server, Client(server.base_url) as client:
        with suppress(TransportFailure):
            client.post("/chat/completions", body, timeout_s=0.2)
        server.close()
        assert not client.alive()
