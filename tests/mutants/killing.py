"""Runs a mutant, or a sound model, and compares it with production: in process and as a server."""

from __future__ import annotations

from typing import Any

import fixtures.models
from conformance.api.numerics.evidence import Evidence
from conformance.api.numerics.gather import gather
from conformance.compare import parity, production
from conformance.compare.parity import Parity
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


def load(model: str, mutant: Mutant | None = None, dtype: str = "float32") -> Any:
    """A fixture model, whole or broken."""
    folder = fixtures.models.path(model)
    return forward.load(folder, dtype, mutant.feature if mutant else None)


def at_runner(model: str, loaded: Any, way: str, *, prompts: list[str] | None = None) -> Parity:
    """A transformers model, run in one way, beside production; on some prompts or all."""
    known = production.load(model)
    sequences = {
        name: found.token_ids.tolist()
        for name, found in known.snapshot.prompts.items()
        if prompts is None or name in prompts
    }
    folder = fixtures.models.path(model)
    runner = TransformersRunner(folder, str(loaded.dtype).removeprefix("torch."), loaded)
    return parity.compare(known, ways.score(runner, sequences, Way(way)))


def gathered(model: str, base_url: str, route: str, *, workers: int = 4) -> Evidence:
    """What a server shows on the strongest route, or on the weakest."""
    _, name, shown = ROUTES[route]
    with Endpoint(base_url, model, api_key=None, timeout_s=60) as endpoint:
        return gather(
            endpoint,
            production.load(model),
            fixtures.models.path(model),
            route=name,
            shown=shown,
            workers=workers,
        )


def at_server(model: str, loaded: Any, route: str) -> Parity:
    """A transformers model served for real, beside production."""
    offers = ROUTES[route][0]
    with serving(loaded, fixtures.models.path(model), model, offers) as base_url:
        return gathered(model, base_url, route).parity()


def worst(found: Parity) -> float:
    """The largest figure as a multiple of its limit."""
    return max(figure.value / (figure.limit or 1e-9) for figure in found.figures)
