"""Runs a mutant, or a sound model, in process, and says of each route which requirements fall."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import fixtures.models
from conformance.compare import parity
from conformance.compare.parity import Parity
from conformance.compare.production import Production
from conformance.evidence import Result
from conformance.outcomes import Outcome
from conformance.selftest import judged
from conformance.selftest.routes import ROUTES
from conformance.targets.runners import ways
from conformance.targets.runners.contract import Way
from conformance.targets.runners.on_transformers import TransformersRunner
from fixtures.mutants.server import serving


def at_runner(beside: Production, loaded: Any, way: str) -> Parity:
    """A transformers model, run in one way, beside production."""
    sequences = {name: each.token_ids.tolist() for name, each in beside.snapshot.prompts.items()}
    dtype = str(loaded.dtype).removeprefix("torch.")
    folder = fixtures.models.path(beside.model)
    with closing(TransformersRunner(folder, dtype, loaded)) as runner:
        return parity.compare(beside, ways.score(runner, sequences, Way(way)))


def fails(beside: Production, loaded: Any, route: str) -> dict[str, Result]:
    """Requirements of the profile that a transformers model fails as a server, by their ids."""
    offers, name, shown = ROUTES[route]
    folder = fixtures.models.path(beside.model)
    with (
        serving(loaded, folder, beside.model, offers) as base_url,
        tempfile.TemporaryDirectory() as scratch,
    ):
        found = judged.results(base_url, folder, Path(scratch), beside, route=name, shown=shown)
        return {each.id: each for each in found if each.outcome is Outcome.FAIL}


def worst(found: Parity) -> float:
    """The largest figure as a multiple of its limit."""
    return max(figure.value / (figure.limit or 1e-9) for figure in found.figures)
