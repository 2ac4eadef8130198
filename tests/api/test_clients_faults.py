"""Flows of official clients hold on a server without fault, and faults break them."""

from __future__ import annotations

import importlib.util
import json

import httpx
import pytest

from conformance.api.ask import Ask
from conformance.api.clients import (
    claude,
    flows,
    installed,
    test_agents,
    test_anthropic,
    test_openai,
    test_openai_responses,
)
from conformance.api.clients.official import Official, timed_out
from conformance.api.prompts import GENERAL
from conformance.api.structured.asking import GENERAL as QUESTION
from conformance.outcomes import Failed, Inconclusive, Judgement, Level, Silent
from conformance.targets.client import Client, TransportFailure
from tests.agentic.faulting import FAIL, SILENT, UNSUPPORTED, answered, ignores, streamed, without
from tests.agentic.http import HttpServer
from tests.agentic.measuring import requirements
from tests.agentic.server import Fault
from tests.misbehaving import MisbehavingServer

BY_CHAT = requirements(test_openai)
BY_RESPONSES = requirements(test_openai_responses)
BY_MESSAGES = requirements(test_anthropic)
BY_AGENT = requirements(test_agents)

CHAT = {
    "good": {
        "openai-chat[sync]": "PASS", "openai-chat[async]": "PASS",
        "openai-chat-stream[sync]": "PASS", "openai-chat-stream[async]": "PASS",
        "openai-stream-helper[sync]": "PASS", "openai-models[async]": "PASS",
        "openai-raw": "PASS", "openai-streaming-response": "PASS",
        "openai-parse[sync]": "PASS", "openai-tools[whole]": "PASS", "openai-tools[stream]": "PASS",
        "openai-completions[whole]": "PASS", "openai-completions[stream]": "PASS",
        "openai-errors[unknown-model]": "PASS", "openai-errors[wrong-value]": "PASS",
        "openai-stream-left": "PASS", "openai-together": "PASS",
    },
    "loses-spaces": {
        "openai-chat-stream[sync]": FAIL, "openai-completions[stream]": FAIL,
        "openai-stream-helper[sync]": FAIL, "openai-stream-helper[async]": FAIL,
    },
    "no-done": {"openai-streaming-response": FAIL},
    "html": {"openai-chat[sync]": FAIL, "openai-models[sync]": FAIL},
    "ignores-response-format": {"openai-parse[sync]": FAIL},
    "cuts-arguments": {"openai-tools[whole]": FAIL},
    "ignores-tool-choice": {"openai-tools[whole]": FAIL, "openai-tools[stream]": FAIL},
    "accepts-any-model": {"openai-errors[unknown-model]": FAIL},
    "invalid-is-500": {"openai-errors[wrong-value]": FAIL},
    "error-500": {
        "openai-chat[sync]": FAIL, "openai-stream-left": FAIL, "openai-timeout": FAIL,
    },
    "resets-midway": {"openai-chat[sync]": "no answer", "openai-together": "no answer"},
}  # fmt: skip
"""By fault of the misbehaving server, what some flows come to."""

GONE = Fault(request=lambda body: {**body, "model": "gone"})

RESPONSES = {
    "good": (Fault(), dict.fromkeys(BY_RESPONSES, "PASS")),
    "not-served": (GONE, dict.fromkeys(BY_RESPONSES, UNSUPPORTED)),
    "other-text": (
        answered(lambda body: body.get("output") and body["output"][0].update(content=[])),
        {"api/clients/openai-responses[sync]": FAIL, "api/clients/openai-responses-raw": FAIL,
         "api/clients/openai-responses-stream[events]": FAIL},
    ),
    "items-without-begin": (
        without("output_item.added"),
        {"api/clients/openai-responses-stream[helper]": FAIL},
    ),
    "ignores-constraints": (
        ignores("text", "tools", "tool_choice"),
        {"api/clients/openai-responses-parse": FAIL, "api/clients/openai-responses-tools": FAIL},
    ),
    "knows-every-id": (
        Fault(status=lambda status: 200 if status == 404 else status),
        {"api/clients/openai-responses-errors[unknown-model]": FAIL,
         "api/clients/openai-responses-errors[unknown-response]": FAIL},
    ),
}  # fmt: skip

MESSAGES = {
    "good": (Fault(), dict.fromkeys(BY_MESSAGES, "PASS")),
    "not-served": (GONE, dict.fromkeys(BY_MESSAGES, UNSUPPORTED)),
    "ignores-tools": (
        ignores("tools"),
        {"api/clients/anthropic-tools[whole]": SILENT,
         "api/clients/anthropic-tools[stream]": SILENT},
    ),
    "other-index": (
        streamed(lambda event: "index" in event and event.update(index=event["index"] + 1)),
        {"api/clients/anthropic-stream[helper]": FAIL},
    ),
    "knows-every-model": (
        Fault(status=lambda status: 200 if status != 200 else status),
        {"api/clients/anthropic-errors[unknown-model]": FAIL,
         "api/clients/anthropic-errors[wrong-value]": FAIL},
    ),
}  # fmt: skip

RUNS = [f"api/clients/{name}[responses]" for name in ("agent", "agent-stream", "agent-history")]

AGENTS = {
    "good": (Fault(), dict.fromkeys(RUNS, "PASS")),
    "not-served": (GONE, dict.fromkeys(RUNS, UNSUPPORTED)),
    "ignores-tools": (ignores("tools"), dict.fromkeys(RUNS, SILENT)),
    "renames-calls": (
        answered(lambda body: [item.update(name="get_time") for item in body.get("output", [])
                               if item["type"] == "function_call"]),
        {RUNS[0]: FAIL},
    ),
}  # fmt: skip
"""On the Responses API, which the server in memory has."""


def needs(module):
    """What needs a client that another machine may lack."""
    found = importlib.util.find_spec(module)
    return pytest.mark.skipif(found is None, reason="the client is not installed")


def come_to(case, base_url, model="canned", *, scripted=False):
    """What a flow comes to, in a word."""
    function, arguments = case
    with Client(base_url, timeout_s=5) as client:
        given = {
            "ask": Ask(client, model),
            "official": Official(client, model, None),
            "prompts": GENERAL,
            "question": QUESTION,
            "scripted": scripted,
            **arguments,
        }
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        try:
            function(**{name: given[name] for name in names})
        except Judgement as judgement:
            return str(judgement.outcome)
        except TransportFailure:
            return "no answer"
        assert client.exchanges
    return "PASS"


@pytest.mark.parametrize("mode", CHAT)
def test_flows_of_chat(mode):
    with MisbehavingServer(mode) as server:
        found = {n: come_to(BY_CHAT[f"api/clients/{n}"], server.base_url) for n in CHAT[mode]}
    assert found == CHAT[mode]


@pytest.mark.parametrize("name", RESPONSES)
def test_flows_of_responses(name):
    fault, wanted = RESPONSES[name]
    with HttpServer(fault) as server:
        assert {id: come_to(BY_RESPONSES[id], server.base_url) for id in wanted} == wanted


@needs("anthropic")
@pytest.mark.parametrize("name", MESSAGES)
def test_flows_of_messages(name):
    fault, wanted = MESSAGES[name]
    with HttpServer(fault) as server:
        found = {id: come_to(BY_MESSAGES[id], server.base_url, scripted=True) for id in wanted}
    assert found == wanted


@needs("agents")
@pytest.mark.parametrize("name", AGENTS)
def test_runs_of_an_agent(name):
    fault, wanted = AGENTS[name]
    with HttpServer(fault) as server:
        found = {id: come_to(BY_AGENT[id], server.base_url, scripted=True) for id in wanted}
    assert found == wanted


def test_a_client_that_is_not_installed_decides_nothing(monkeypatch):
    monkeypatch.setattr(installed.importlib, "import_module", _missing)
    with pytest.raises(installed.NotInstalled) as raised:
        installed.module("agents")
    assert "pip install openai-agents" in str(raised.value)
    assert raised.value.level is Level.SHOULD


def _missing(name):
    raise ImportError(name)


def test_no_key_is_part_of_the_evidence():
    with MisbehavingServer(api_key="right") as server, Client(server.base_url) as client:
        official = Official(client, "canned", "right")
        with official.judged():
            official.openai().models.list()
        assert "right" not in json.dumps([vars(each) for each in client.exchanges])
        assert httpx.get(f"{server.base_url}/models").status_code == 401


def test_a_deadline_that_passed():
    class APITimeoutError(Exception):
        pass

    def late():
        raise APITimeoutError

    timed_out(late)
    with pytest.raises(Failed):
        timed_out({}.popitem)
    with pytest.raises(Inconclusive):
        timed_out(dict)


def test_a_turn_with_a_tool():
    call = ("get_weather", {"city": "Paris", "unit": "celsius"})
    claude.as_told(claude.Turn([call], "", "It is sunny in Paris, 21 degrees."), scripted=True)
    with pytest.raises(Silent):
        claude.as_told(claude.Turn([], "<tool_call>", ""), scripted=True)
    with pytest.raises(Failed):
        claude.as_told(claude.Turn([call], "", "It rains."), scripted=True)


def test_answers_that_were_mixed_up():
    flows.each_its_own([["a", "a"], ["b", "c"]])
    for found in ([["a", "b"], ["b", "c"]], [["a", ""], ["b", "c"]], [["a", "a"], ["a", "c"]]):
        with pytest.raises(Failed):
            flows.each_its_own(found)
