"""What a server says of itself: health, and metrics that production's dashboards read."""

from __future__ import annotations

import pytest

from conformance.api import answers, expect
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.outcomes import Unsupported
from conformance.requirements import SHOULD, requirement
from conformance.serving import dashboards
from conformance.serving.counted import metrics
from conformance.targets.metrics import GENERATED, PROMPTED, SUCCEEDED, Metrics

SERVING = ("serving",)
EXAMPLES = "vLLM: its examples' Grafana dashboards, and docs/usage/metrics"


@requirement("serving/health/ok", SHOULD, source="vLLM: GET /health", profiles=SERVING)
def test_health(ask: Ask) -> None:
    """A server that can answer SHOULD answer GET /health with 200.

    Load balancers and Kubernetes ask so, and send nobody to a server that does not.
    """
    expect.status(ask.client.get(f"{ask.client.root}/health"), 200)


@pytest.mark.parametrize("name", dashboards.KINDS)
@requirement("serving/metrics/name", SHOULD, source=EXAMPLES, profiles=SERVING)
def test_name(ask: Ask, prompts: Prompts, name: str) -> None:
    """A server SHOULD have the metrics of production at /metrics, under their names and of their
    kinds.

    Dashboards and alerts are written once, for production. On what is called otherwise they are
    silent, and look as if all were well.
    """
    answers.chat(ask.chat(prompts.words, max_tokens=2))  # some appear with the first request
    found = Metrics.of(ask.client)
    if found is None:
        raise Unsupported("There are no metrics at /metrics", cause="There are no metrics")
    dashboards.is_there(found, name)


@requirement("serving/metrics/counts", SHOULD, source=EXAMPLES, profiles=SERVING, alone=True)
def test_counts(ask: Ask, prompts: Prompts) -> None:
    """The metrics SHOULD count a request's tokens as its usage does, and the request once.

    Bills and capacity are planned by them.
    """
    before = metrics(ask, PROMPTED, GENERATED)
    usage = answers.chat(ask.chat(prompts.words, max_tokens=3)).usage
    after = metrics(ask, PROMPTED, GENERATED, SUCCEEDED)
    counted = [after[name] - before[name] for name in (PROMPTED, GENERATED, SUCCEEDED)]
    wanted = [usage.prompt_tokens, usage.completion_tokens, 1]
    expect.same(counted, wanted, what="What is counted of a request")
