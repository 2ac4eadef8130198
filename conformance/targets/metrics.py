"""What a server counts of itself: Prometheus' text format at `/metrics`, as vLLM has it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from conformance.targets.client import Client

_SAMPLE = re.compile(r"(?P<name>[\w:]+)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)")

RUNNING = "vllm:num_requests_running"
WAITING = "vllm:num_requests_waiting"
PROMPTED = "vllm:prompt_tokens_total"
SUCCEEDED = "vllm:request_success_total"
KV_USAGE = "vllm:kv_cache_usage_perc"
GENERATED = "vllm:generation_tokens_total"
PREFIX_QUERIES = "vllm:prefix_cache_queries_total"
PREFIX_HITS = "vllm:prefix_cache_hits_total"
PREEMPTIONS = "vllm:num_preemptions_total"


@dataclass(frozen=True)
class Metrics:
    """The samples of one moment: of each name the sum over its labels, and the types declared."""

    totals: Mapping[str, float]
    types: Mapping[str, str]
    labels: Mapping[str, frozenset[str]]
    """Names of the labels that a sample of this name has."""

    def __contains__(self, name: str) -> bool:
        return name in self.totals

    def __getitem__(self, name: str) -> float:
        return self.totals[name]

    @classmethod
    def parse(cls, text: str) -> Metrics:
        """From the text of a `/metrics` page; what is no sample is passed over."""
        totals: dict[str, float] = defaultdict(float)
        types: dict[str, str] = {}
        labels: dict[str, frozenset[str]] = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(maxsplit=3)
                types[name] = kind
            elif found := _SAMPLE.match(line):
                totals[found["name"]] += float(found["value"])
                labels[found["name"]] = frozenset(re.findall(r'(\w+)="', found["labels"] or ""))
        return cls(dict(totals), types, labels)

    @classmethod
    def of(cls, client: Client) -> Metrics | None:
        """Those of a target now; None where it has no such page, or no sample on it."""
        response = client.get(f"{client.root}/metrics")
        if response.status != 200 or not (found := cls.parse(response.text())).totals:
            return None
        return found
