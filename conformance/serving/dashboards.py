"""Metrics that production's dashboards and alerts read, by the names that vLLM gives them."""

from __future__ import annotations

from conformance.outcomes import Failed, Silent
from conformance.targets.metrics import Metrics

COUNTERS = (
    "vllm:prompt_tokens_total",
    "vllm:generation_tokens_total",
    "vllm:request_success_total",
    "vllm:num_preemptions_total",
    "vllm:prefix_cache_queries_total",
    "vllm:prefix_cache_hits_total",
)
GAUGES = ("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc")
HISTOGRAMS = (
    "vllm:time_to_first_token_seconds",
    "vllm:inter_token_latency_seconds",
    "vllm:e2e_request_latency_seconds",
    "vllm:request_queue_time_seconds",
    "vllm:request_prefill_time_seconds",
    "vllm:request_decode_time_seconds",
    "vllm:request_inference_time_seconds",
    "vllm:request_prompt_tokens",
    "vllm:request_generation_tokens",
    "vllm:request_max_num_generation_tokens",
    "vllm:iteration_tokens_total",
)

KINDS = {
    **dict.fromkeys(COUNTERS, "counter"),
    **dict.fromkeys(GAUGES, "gauge"),
    **dict.fromkeys(HISTOGRAMS, "histogram"),
}
"""Of the Grafana dashboards in vLLM's examples, those that the versions 0.26 to 0.32 all have."""

PARTS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
"""The samples of each kind, by what is added to the metric's name."""


def is_there(found: Metrics, name: str) -> None:
    """The metric is there, of its kind, and says of which model it is.

    Raises:
        Silent: a metric is left out, or its label.
        Failed: it is of another kind.
    """
    kind = KINDS[name]
    for part in PARTS[kind]:
        if f"{name}{part}" not in found:
            raise Silent(
                "A metric that dashboards read is left out",
                expected=f"{name}{part}",
                actual="other metrics",
            )
        if "model_name" not in found.labels[f"{name}{part}"]:
            raise Silent(
                "A metric does not say of which model it is",
                expected="the label model_name",
                actual=sorted(found.labels[f"{name}{part}"]),
            )
    if (declared := found.types.get(name, kind)) != kind:
        raise Failed("A metric is of another kind", expected=kind, actual=declared)
