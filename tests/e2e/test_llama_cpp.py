"""llama.cpp, where its server is installed, says the scripts from the exported file.

Started as `maccord certify --backend llama.cpp` starts it.
"""

from __future__ import annotations

import json
import shutil
from urllib.parse import urljoin

import httpx
import pytest

import fixtures.models
from conformance.targets import recipes
from conformance.targets.server import started
from fixtures.models.scripted import describe

pytestmark = pytest.mark.skipif(
    shutil.which("llama-server") is None, reason="llama-server of llama.cpp is not on the PATH"
)

DESCRIPTION = describe.load()
SCRIPTS = DESCRIPTION["scripts"]
CHATS = [script for script in SCRIPTS if "messages" in script]
DEPARTURES = {
    "leading_spaces": "docs/findings.md: Chat answers lose the white space that they begin with",
    "leading_lines": "docs/findings.md: Chat answers lose the white space that they begin with",
    "think_not": "docs/findings.md: An answer without thinking begins with the prompt's end",
}
LONGEST = 1000
"""Tokens: more than any answer has."""


def by_name(entry):
    return entry["name"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A client of the server's `/v1/`."""
    folder = tmp_path_factory.mktemp("llama")
    model = fixtures.models.export_gguf("scripted", folder / "scripted.gguf")
    recipe = recipes.load("llama.cpp")
    with (
        started(recipe, model_dir=model, model_name="scripted", run_dir=folder) as running,
        httpx.Client(base_url=running.target.base_url, timeout=60) as client,
    ):
        yield client


def post(server, path, **body):
    answer = server.post(path, json={"model": "scripted", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("entry", SCRIPTS + DESCRIPTION["calibrated"], ids=by_name)
def test_a_prompt_has_the_same_tokens(server, entry):
    tokenize = urljoin(str(server.base_url), "/tokenize")
    found = post(server, tokenize, content=entry["rendered"], add_special=True, parse_special=True)
    assert found["tokens"] == entry["prompt_token_ids"]


@pytest.mark.parametrize("script", SCRIPTS, ids=by_name)
def test_greedy_text_is_the_script(server, script):
    found = post(
        server,
        "completions",
        prompt=script["prompt_token_ids"],
        temperature=0,
        max_tokens=LONGEST,
    )
    (choice,) = found["choices"]
    assert (choice["text"], choice["finish_reason"]) == (script["text"], "stop")
    assert found["usage"]["prompt_tokens"] == len(script["prompt_token_ids"])


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(script, marks=[pytest.mark.xfail(reason=DEPARTURES[script["name"]])])
        if script["name"] in DEPARTURES
        else script
        for script in CHATS
    ],
    ids=by_name,
)
def test_a_chat_is_taken_apart(server, script):
    """Template, reasoning and tool calls; servers differ in what they do to the lines between."""
    given = {key: script[key] for key in ("tools", "chat_template_kwargs") if key in script}
    found = post(
        server,
        "chat/completions",
        messages=script["messages"],
        temperature=0,
        max_tokens=LONGEST,
        **given,
    )
    assert found["usage"]["prompt_tokens"] == len(script["prompt_token_ids"])
    message = found["choices"][0]["message"]
    found_parts = [message["content"] or "", message.get("reasoning_content") or ""]
    parts = [script["content"] or "", script.get("reasoning") or ""]
    if "reasoning" in script or "tool_calls" in script:
        found_parts, parts = ([part.strip("\n") for part in each] for each in (found_parts, parts))
    assert found_parts == parts
    called = [
        {"name": call["function"]["name"], "arguments": json.loads(call["function"]["arguments"])}
        for call in message.get("tool_calls") or []
    ]
    assert called == script.get("tool_calls", [])
