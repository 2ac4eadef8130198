"""A transformers model as a server, compared with production on the strongest evidence route and on
the weakest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import fixtures.models
from conformance.api.numerics.evidence import Evidence
from conformance.api.numerics.gather import gather
from conformance.compare import production
from conformance.compare.production import Production
from conformance.recording.endpoint import Endpoint
from fixtures.models.matrix import forward
from fixtures.mutants import Mutant
from fixtures.mutants.offers import STRONG, WEAK, Offers
from fixtures.mutants.server import serving
from fixtures.snapshots import Recorded, noise

ROUTES: dict[str, tuple[Offers, str, int]] = {
    "strongest": (STRONG, "prompt_logprobs", 20),
    "weakest": (WEAK, "generated", 5),
}
"""What the server offers, the route, and how many tokens of a position are asked for."""


SHORT = 128
"""Tokens of a sequence that is short."""

CONTINUED = 16
"""Tokens after each prompt at a server: a block of its cache, so that decode opens a new one."""

Prompts = Collection[str] | None
"""Names of production's prompts; all if None."""


def known(model: str, prompts: Prompts = None, continued: int | None = None) -> Production:
    """Production with a model, as far as some prompts go and so many tokens after each."""
    found = production.load(model)
    kept = {
        name: each if continued is None else _cut(each, continued)
        for name, each in found.snapshot.prompts.items()
        if prompts is None or name in prompts
    }
    return replace(found, snapshot=replace(found.snapshot, prompts=kept))


def _cut(found: Recorded, continued: int) -> Recorded:
    tokens = found.token_ids[: found.prompt_length + continued]
    # What comes after the last generated token, nobody was asked.
    reached = found.positions[found.positions < max(len(tokens) - 1, found.prompt_length)]
    return replace(noise.at(found, reached), token_ids=tokens)


def few(model: str, mutant: Mutant | None) -> Prompts:
    """Prompts to run a mutant with where each token costs a step: short ones if those will do."""
    if mutant is not None and mutant.shows_after:
        return None
    recorded = production.load(model).snapshot.prompts
    return [name for name, each in recorded.items() if len(each.token_ids) <= SHORT]


def load(model: str, mutant: Mutant | None = None, dtype: str = "float32") -> Any:
    """A fixture model, whole or broken."""
    folder = fixtures.models.path(model)
    return forward.load(folder, dtype, mutant.feature if mutant else None)


def at_server(beside: Production, loaded: Any, route: str) -> Evidence:
    """A transformers model, served, as its API shows it on a route."""
    folder = fixtures.models.path(beside.model)
    with serving(loaded, folder, beside.model, ROUTES[route][0]) as base_url:
        return gathered(beside, base_url, route)


def gathered(beside: Production, base_url: str, route: str) -> Evidence:
    """What a server shows on the strongest route, or on the weakest."""
    _, name, shown = ROUTES[route]
    folder = fixtures.models.path(beside.model)
    with Endpoint(base_url, beside.model, api_key=None, timeout_s=120) as endpoint:
        return gather(endpoint, beside, folder, route=name, shown=shown)


def verdicts(model: str, base_url: str) -> dict[str, str]:
    """What each route shows of a server with the model."""
    beside = known(model)
    return {route: gathered(beside, base_url, route).parity().verdict for route in ROUTES}
