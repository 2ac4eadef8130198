"""What each mutant of the numerics comes to: in every way of running it, and on two routes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.compare.parity import Parity
from conformance.selftest.numerics import names_its_area
from conformance.selftest.routes import CONTINUED, ROUTES
from fixtures.mutants import ANY, Mutant, Way
from tests.mutants import killing


@dataclass(frozen=True)
class Line:
    """A mutant, or a sound model, with one fixture model.

    Attributes:
        found: by way and by route.
        failed: by route, requirements of the profile `numerics` that the server fails; of mutants
            that need company or a cache, which a comparison of single requests need not show.
    """

    model: str
    mutant: Mutant | None
    found: Mapping[str, Parity]
    failed: Mapping[str, Mapping[str, str]]

    @property
    def name(self) -> str:
        return self.mutant.name if self.mutant else "(sound)"

    @property
    def outside(self) -> set[str]:
        """Ways and routes that tell it from production."""
        return {where for where, parity in self.found.items() if parity.verdict == "outside"}

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "model": self.model,
            "failed": self.failed,
            "found": {where: parity.to_json() for where, parity in self.found.items()},
        }


def line(
    model: str,
    mutant: Mutant | None = None,
    *,
    dtype: str = "float32",
    everything: bool = False,
    ways: Sequence[Way] | None = None,
    routes: Sequence[str] = tuple(ROUTES),
) -> Line:
    """Runs one; by default in the first of the ways that reveal the mutant.

    Args:
        everything: whether a server is asked for all prompts, with all that production said after
            them; by default for what is enough for most.
    """
    if ways is None:
        ways = mutant.ways[:1] if mutant else ANY
    loaded = routes.load(model, mutant, dtype)
    whole = routes.known(model)
    names = None if everything or mutant is None else routes.few(model, mutant)
    few = routes.known(model, names)
    served = routes.known(model, names, None if everything or mutant is None else CONTINUED)
    found = {
        way: killing.at_runner(whole if way == "one-pass" else few, loaded, way) for way in ways
    }
    for route in routes:
        found[route] = routes.at_server(served, loaded, route).parity()
    failed: dict[str, dict[str, str]] = {}
    if mutant is not None and "one-pass" not in mutant.ways:
        for route in routes:
            results = killing.fails(served, loaded, route)
            failed[route] = {id: each.message for id, each in results.items()}
    return Line(model, mutant, found, failed)


def table(lines: Sequence[Line]) -> Iterator[str]:
    """Markdown: the worst figure as a multiple of its limit, and what the reports say."""
    yield "| mutant | area | real bug | model | " + " | ".join([*_SHORT, *ROUTES]) + " | said |"
    yield "|---|---|---|---|" + "---|" * (len(_SHORT) + len(ROUTES)) + "---|"
    for each in lines:
        mutant = each.mutant
        cells = [each.name, mutant.area if mutant else "", mutant.bug if mutant else ""]
        cells += [each.model, *(_cell(each, where) for where in (*ANY, *ROUTES)), _said(each)]
        yield "| " + " | ".join(cells) + " |"


_SHORT = ("one pass", "decode", "chunks", "batch", "prefix")


def _cell(each: Line, where: str) -> str:
    parity = each.found.get(where)
    if parity is None:
        return ""
    times = f"{killing.worst(parity):.3g}"
    return f"**{times}**" if parity.verdict == "outside" else times


def _said(each: Line) -> str:
    """The requirements that fail, or the diagnosis of the strongest evidence that has one."""
    ids = dict.fromkeys(id for failed in each.failed.values() for id in failed)
    outside = [parity for where, parity in each.found.items() if where in each.outside]
    said = (parity.cause or parity.diagnosis for parity in outside)
    diagnosis = next((diagnosis for diagnosis in said if diagnosis), "")
    if ids or not diagnosis or names_its_area(each.mutant, diagnosis):
        return ", ".join(ids) or diagnosis
    return f"MISLEADING: {diagnosis}"
