"""Runs a mutant, or a sound model, and compares it with production: in process and as a server."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from dataclasses import replace
from typing import Any

import fixtures.models
from conformance.api.numerics.evidence import Evidence
from conformance.api.numerics.gather import gather
from conformance.compare import parity, production
from conformance.compare.parity import Parity
from conformance.compare.production import Production
from conformance.recording.endpoint import Endpoint
from conformance.targets.runners import ways
from conformance.targets.runners.contract import Way
from conformance.targets.runners.on_transformers import TransformersRunner
from fixtures.models.matrix import forward
from fixtures.mutants import Mutant
from fixtures.mutants.api import STRONG, WEAK, Offers
from fixtures.mutants.server import serving

ROUTES: dict[str, tuple[Offers, str, int]] = {
    "strongest": (STRONG, "prompt_logprobs", 20),
    "weakest": (WEAK, "generated", 5),
}
"""What the server offers, the route, and how many tokens of a position are asked for."""


Prompts = Collection[str] | None
"""Names of production's prompts; all if None."""


def known(model: str, prompts: Prompts = None) -> Production:
    """Production with a model, as far as some prompts go."""
    found = production.load(model)
    if prompts is None:
        return found
    kept = {name: each for name, each in found.snapshot.prompts.items() if name in prompts}
    return replace(found, snapshot=replace(found.snapshot, prompts=kept))


def load(model: str, mutant: Mutant | None = None, dtype: str = "float32") -> Any:
    """A fixture model, whole or broken."""
    folder = fixtures.models.path(model)
    return forward.load(folder, dtype, mutant.feature if mutant else None)


def at_runner(model: str, loaded: Any, way: str, prompts: Prompts = None) -> Parity:
    """A transformers model, run in one way, beside production."""
    beside = known(model, prompts)
    sequences = {name: each.token_ids.tolist() for name, each in beside.snapshot.prompts.items()}
    dtype = str(loaded.dtype).removeprefix("torch.")
    with closing(TransformersRunner(fixtures.models.path(model), dtype, loaded)) as runner:
        return parity.compare(beside, ways.score(runner, sequences, Way(way)))


def at_server(model: str, loaded: Any, route: str, prompts: Prompts = None) -> Evidence:
    """A transformers model, served, as its API shows it on a route."""
    with serving(loaded, fixtures.models.path(model), model, ROUTES[route][0]) as base_url:
        return gathered(model, base_url, route, prompts)


def gathered(model: str, base_url: str, route: str, prompts: Prompts = None) -> Evidence:
    """What a server shows on the strongest route, or on the weakest."""
    _, name, shown = ROUTES[route]
    with Endpoint(base_url, model, api_key=None, timeout_s=120) as endpoint:
        folder = fixtures.models.path(model)
        return gather(endpoint, known(model, prompts), folder, route=name, shown=shown)


def worst(found: Parity) -> float:
    """The largest figure as a multiple of its limit."""
    return max(figure.value / (figure.limit or 1e-9) for figure in found.figures)
