"""The proxy of the protocol's mutants: nothing is altered but what a mutant alters."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest

from conformance.catalogue import known_ids
from conformance.kinds import SERVER
from conformance.selftest.hunt import Quarry, Until, hunt
from fixtures.mutants.protocol import PROTOCOL
from fixtures.mutants.protocol.proxy import SOUND, WEAKEST, proxied
from fixtures.mutants.tasks import TASKS
from tests.misbehaving import MisbehavingServer

QUESTION = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 8, "temperature": 0}


@pytest.fixture(scope="module")
def server() -> Iterator[MisbehavingServer]:
    with MisbehavingServer() as running:
        yield running


@pytest.fixture(scope="module")
def root(server: MisbehavingServer) -> Iterator[str]:
    with proxied(server.base_url.removesuffix("/v1"), PROTOCOL) as found:
        yield found


def masked(answer: bytes) -> bytes:
    """An answer without what is never twice the same."""
    return re.sub(rb'"(id|created)": ?("[^"]*"|\d+)', b"", answer)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat/completions", QUESTION),
        ("/chat/completions", {**QUESTION, "stream": True}),
        ("/chat/completions", {**QUESTION, "max_tokens": "many"}),
        ("/nothing", QUESTION),
        ("/models", None),
    ],
    ids=["whole", "streamed", "refused", "unknown", "without a body"],
)
def test_the_sound_path_alters_nothing(server, root, path, body):
    method = "GET" if body is None else "POST"
    direct = httpx.request(method, f"{server.base_url}{path}", json=body)
    through = httpx.request(method, f"{root}/{SOUND}/v1{path}", json=body)
    assert through.status_code == direct.status_code
    assert masked(through.content) == masked(direct.content)
    assert through.headers["content-type"] == direct.headers["content-type"]


def test_streams_pass_as_they_come(root):
    body = {**QUESTION, "stream": True, "max_tokens": 64}
    arrived = []
    with httpx.stream("POST", f"{root}/{SOUND}/v1/chat/completions", json=body) as answer:
        for _ in answer.iter_raw():
            arrived.append(time.monotonic())
    assert len(arrived) > 3, "in several pieces"


def test_what_is_no_mutant_is_not_found(root):
    answer = httpx.get(f"{root}/no-such-mutant/v1/models")
    assert (answer.status_code, answer.text) == (404, "no such mutant")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, None),
        ({"logprobs": True, "top_logprobs": 5}, None),
        ({"logprobs": True, "top_logprobs": 6}, "top_logprobs is 6: at most 5 are shown"),
        ({"logprobs": -1}, "logprobs is -1: at most 5 are shown"),
        ({"prompt_logprobs": 0}, "prompt_logprobs is not served"),
        ({"echo": True}, None),
        ({"echo": True, "logprobs": 1}, "logprobs of what is echoed are not served"),
    ],
)
def test_the_weakest_route_shows_few_logprobs_of_what_is_generated(root, body, reason):
    asked = {**QUESTION, **body}
    answer = httpx.post(f"{root}/{WEAKEST}/{SOUND}/v1/chat/completions", json=asked)
    if reason is None:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, reason)


def test_a_fault_is_before_the_weakest_route_too(root):
    url = f"{root}/{WEAKEST}/model-mislabelled/v1/chat/completions"
    sound, altered = (
        httpx.post(each, json=QUESTION).json()["model"]
        for each in (url.replace("model-mislabelled", SOUND), url)
    )
    assert sound != altered


def test_mutants_have_names_and_say_what_they_do():
    every = [*PROTOCOL, *(mutant for some in TASKS.values() for mutant in some)]
    assert len({mutant.name for mutant in every}) == len(every) and len(PROTOCOL) >= 60
    for mutant in every:
        assert mutant.what and not mutant.what.endswith("."), mutant.name
        re.compile(mutant.area)


@pytest.mark.parametrize(
    ("name", "killer"),
    [
        ("usage-chunk-dropped", "api/chat/stream-usage"),
        ("done-missing", "api/chat/stream-chunks"),
        ("stream-finish-forgotten", "api/chat/stream-finish-length"),
        ("refuses-in-html", "api/errors/"),
        ("ignores-stop", "api/chat/stop"),
    ],
)
def test_a_hunt_ends_with_the_requirement_that_names_the_fault(root, name, killer):
    mutant = next(each for each in PROTOCOL if each.name == name)
    options = ["--base-url", f"{root}/{name}/v1", "--profile", "core"]
    found = hunt(Quarry(name, mutant.area, (killer,)), options, SERVER.parts)
    assert found.killed, found
    assert next(iter(found.killers)).startswith(killer)
    assert not found.errors and found.measured < 40


def test_the_sound_server_survives_to_the_end(root):
    options = ["--base-url", f"{root}/{SOUND}/v1", "--profile", "core"]
    found = hunt(Quarry(SOUND, ""), options, ("api/transport",), until=Until.END)
    assert found.measured > 10 and not found.killed and not found.errors, found


def test_requirements_on_a_task_that_are_asked_first_are_there():
    known = known_ids()
    for mutant in (mutant for some in TASKS.values() for mutant in some):
        named = [each for each in mutant.among if not each.startswith("^honoured ")]
        assert all(any(re.search(each, id) for id in known) for each in named), mutant.name
