"""How the profile serving judges: metrics, queues, memory and prompts of exactly so many tokens."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest

from conformance.api.ask import Ask
from conformance.api.transport import gone
from conformance.api.transport.gone import Gone
from conformance.outcomes import Failed, Inconclusive, Silent
from conformance.serving import capacity, dashboards, lengths, memory
from conformance.serving.counted import metrics
from conformance.targets import recipes
from conformance.targets.client import Client
from conformance.targets.metrics import GENERATED, RUNNING, Metrics
from conformance.targets.server import ServerTarget
from tests.api.responses import completion_answer
from tests.misbehaving import MisbehavingServer
from tests.wire.test_wrong_input import OneAnswer

PAGE = """
# HELP vllm:num_requests_running Number of requests.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 2.0
vllm:num_requests_running{engine="1",model_name="m"} 1.0
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{model_name="m, {x}"} 1.5e+3
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{le="0.1",model_name="m"} 1
vllm:time_to_first_token_seconds_bucket{le="+Inf",model_name="m"} 3
vllm:time_to_first_token_seconds_count{model_name="m"} 3
vllm:time_to_first_token_seconds_sum{model_name="m"} 0.5
process_start_time_seconds 1.7e+09
"""


def test_metrics_are_read():
    found = Metrics.parse(PAGE)
    assert found[RUNNING] == 3 and found[GENERATED] == 1500
    assert found["process_start_time_seconds"] == 1.7e9
    assert found.types[RUNNING] == "gauge"
    assert found.labels[RUNNING] == {"engine", "model_name"}
    assert "vllm:nothing" not in found


def test_a_metric_that_is_there_holds():
    for name in (RUNNING, GENERATED, "vllm:time_to_first_token_seconds"):
        dashboards.is_there(Metrics.parse(PAGE), name)


@pytest.mark.parametrize(
    ("name", "old", "new", "judgement"),
    [
        (RUNNING, "vllm:num_requests_running{", "num_requests_running{", Silent),
        (RUNNING, 'model_name="m"', 'model="m"', Silent),
        (RUNNING, "running gauge", "running counter", Failed),
        ("vllm:time_to_first_token_seconds", "seconds_count", "seconds_number", Silent),
    ],
)
def test_a_metric_that_is_otherwise_is_caught(name, old, new, judgement):
    with pytest.raises(judgement):
        dashboards.is_there(Metrics.parse(PAGE.replace(old, new)), name)


def test_a_server_that_counts_nothing_leaves_it_open():
    with MisbehavingServer() as server, Client(server.base_url) as client:
        assert Metrics.of(client) is None
        with pytest.raises(Inconclusive):
            metrics(Ask(client, "m"), RUNNING)


STOPPED = Gone(stopped=True, generated=40, wanted=1000)
COMPLETE = Gone(stopped=True, generated=1000, wanted=1000)
RUNS_ON = Gone(stopped=False, generated=40, wanted=1000)


@pytest.mark.parametrize(
    ("seen", "judgement"),
    [
        ([STOPPED], None),
        ([None, COMPLETE, STOPPED], None),  # a busy machine: the client came late, twice
        ([None, COMPLETE, None, COMPLETE], Failed),
        ([RUNS_ON] * gone.ATTEMPTS, Failed),
        ([None] * gone.ATTEMPTS, Inconclusive),
    ],
)
def test_work_for_who_is_gone(monkeypatch, seen, judgement):
    came = iter(seen)
    monkeypatch.setattr(gone, "hang_up", lambda *_, **__: next(came))
    with pytest.raises(judgement) if judgement else nullcontext():
        gone.stops(None, None, stream=True, context=2048)
    assert not list(came)


def test_queues():
    first_come = [0.1 * n for n in range(40)]
    capacity.in_order(first_come)
    capacity.in_order([1.0 + 0.001 * n for n in range(40)])
    with pytest.raises(Failed, match="waits for all"):
        capacity.in_order([*first_come[:9], 99.0, *first_come[10:]])
    with pytest.raises(Failed, match="waits for all"):
        capacity.in_order(first_come[::-1])


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        ([100, 150, 151, 151, 151], True),  # caches are filled at first
        ([100, 110, 120, 130, 130], True),  # and some a little later
        ([100, 110, 120, 130, 140], False),
        ([100, 100, 100, 110, 120], False),
    ],
)
def test_memory(found, holds):
    held = [each * memory.MIB for each in found]
    if holds:
        memory.does_not_grow(held)
    else:
        with pytest.raises(Failed, match="Memory grows"):
            memory.does_not_grow(held)


def test_memory_of_a_server_that_somebody_else_started_is_unknown():
    with pytest.raises(Inconclusive):
        memory.held(ServerTarget("x", "http://127.0.0.1:1/v1", "m"))


def counting(tokens_of):
    """Answers whose usage counts a prompt so."""

    def answer(body):
        usage = {"prompt_tokens": tokens_of(body["prompt"]), "completion_tokens": 1}
        total = {"total_tokens": usage["prompt_tokens"] + 1}
        return 200, completion_answer(usage={**usage, **total})

    return OneAnswer(answer)


def test_a_prompt_of_exactly_so_many_tokens():
    with counting(lambda text: 1 + text.count("a")) as server, Client(server.base_url) as client:
        assert lengths.prompt_of(Ask(client, "m"), 2047) == " a" * 2046


def test_a_word_of_several_tokens_leaves_it_open():
    with counting(len) as server, Client(server.base_url) as client, pytest.raises(Inconclusive):
        lengths.prompt_of(Ask(client, "m"), 2047)


@pytest.mark.parametrize("name", ["vllm-cpu", "reference", "vllm-cuda"])
def test_vllm_is_started_with_little_room_for_this_profile(name):
    start = recipes.load(name).start
    serving = start.command_for("scripted", "serving")
    assert "--num-gpu-blocks-override" in serving
    assert "--num-gpu-blocks-override" not in start.command_for("scripted", "api")
    assert set(start.command_for("scripted")) < set(serving)


def test_a_wrong_placeholder_for_a_profile_is_refused(tmp_path):
    text = recipes.load("vllm-cpu").path.read_text().replace('"--max-num-seqs"', '"{seqs}"')
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(recipes.RecipeError, match=r"profiles\.serving\.arguments"):
        recipes.load(str(tmp_path / "mine.toml"))


def test_pages_are_json_no_more():
    """The page is text; a server that answers JSON there has no metrics."""
    assert not Metrics.parse(json.dumps({"requests": 3})).totals
