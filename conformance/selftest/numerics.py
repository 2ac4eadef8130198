"""Mutants of the numerics: a transformers model with one fault behind a server, beside production.

Each is served twice: as the strongest evidence route shows it, and as the weakest does, which has
five alternatives of each generated token and nothing else.
"""

from __future__ import annotations

import multiprocessing
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fixtures.models
from conformance.compare.causes import AREAS
from conformance.compare.production import Production
from conformance.evidence import Result
from conformance.outcomes import Outcome
from conformance.selftest import judged
from conformance.selftest.hunt import Caught, OnBoth, Until
from conformance.selftest.routes import CONTINUED, ROUTES, few, known
from fixtures.mutants import Area, Mutant
from fixtures.mutants.numerics import NUMERICS
from fixtures.mutants.numerics.tolerated import AT_THE_LIMIT, TOLERATED
from fixtures.mutants.server import serving

MUTANTS: Mapping[str, Mutant] = {
    each.name: each for each in NUMERICS if each.name not in {*TOLERATED, *AT_THE_LIMIT}
}
"""Those that are a fault, by name."""

QUICK = (
    "mask-off-by-one",
    "window-doubled",
    "rope-interleaved",
    "rope-offset-not-carried",
    "rows-share-logits",
    "logits-half",
)
"""Those of a quick selftest: one of each kind of place where a fault shows."""

_TOKENS_OWN = ("each token goes through", "a constant or function")

FRAGMENTS: Mapping[Area, tuple[str, ...]] = {
    "attention": ("attend", "scores of attention", "the first token is lost"),
    "batch": ("a batch", "other requests", "another request"),
    "cache": ("cache", "block", "attend", "the first token is lost"),
    "embedding": _TOKENS_OWN,
    "experts": _TOKENS_OWN,
    "feed-forward": _TOKENS_OWN,
    "logits": ("logits", *_TOKENS_OWN),
    "norm": ("norm",),
    "residual": ("a multiplier",),
    "rope": ("position", "rotary"),
    "soft cap": ("cap",),
    "weights": ("weights",),
    "window": ("window",),
}
"""What a diagnosis must speak of, by the area of the fault: one of these; unless it says
which known fault the departure is like, which must then be one of the area."""

SEEN_BY: Mapping[tuple[str, ...], tuple[str, str]] = {
    ("batch",): ("numerics/batching/", "other requests"),
    ("prefix-reused",): ("numerics/prefix-cache/", "cached"),
}
"""Of what shows in company or with a cache only: where requirements look for that, and their words
for it, which name the fault's place as well as its area would."""

ANYWHERE = ("numerics/distribution/", "")

_FIGURES = re.compile(
    r"Compared at \d+ positions, .*?production allows\.|\([^()]*production allows\)"
)
"""How far off it is, and where: words that every difference has."""

_LIKE = re.compile(r"as with a fault of ([^:]+):")
"""The one area that is named where a departure is like a known fault."""


@dataclass
class Served(OnBoth):
    """What a mutant that is served came to, and where it must show."""

    @property
    def seen(self) -> bool:
        """Whether the weakest route shows it where it must, by its right name or without."""
        return self.shows(self.weakest)

    def shows(self, route: Caught) -> bool:
        """Whether what a route came to has it, by its right name, or where it must show."""
        first, _ = SEEN_BY.get(MUTANTS[self.name].ways, ANYWHERE)
        return route.killed or any(id.startswith(first) for id in route.beside)


def names_its_area(mutant: Mutant | None, diagnosis: str) -> bool:
    """Whether a diagnosis leads to where the fault is."""
    if mutant is None:
        return True
    if like := _LIKE.search(diagnosis):
        return like[1] == AREAS[mutant.area]
    _, words = SEEN_BY.get(mutant.ways, ANYWHERE)
    wanted = (*FRAGMENTS[mutant.area], *filter(None, [words]))
    return any(each in diagnosis for each in wanted)


def named_by(mutant: Mutant, result: Result) -> bool:
    """Whether a result speaks of the area of the fault, besides its figures."""
    return names_its_area(mutant, _FIGURES.sub("", result.message))


def caught(name: str, *, until: Until = Until.KILLED) -> Served:
    """What a mutant comes to, in this process."""
    mutant, began = MUTANTS[name], time.monotonic()
    model, loaded = mutant.models[0], mutant.load()
    beside = known(model, few(model, mutant), CONTINUED)
    strongest, weakest = (
        _on_route(mutant, loaded, beside, route, until) for route in ("strongest", "weakest")
    )
    seconds = round(time.monotonic() - began, 1)
    return Served(**{**vars(strongest), "seconds": seconds}, weakest=weakest)


def _on_route(mutant: Mutant, loaded: Any, beside: Production, route: str, until: Until) -> Caught:
    """What a mutant comes to on a route; at the weakest no further than where it must show."""
    found, (first, _) = Caught(mutant.name), SEEN_BY.get(mutant.ways, ANYWHERE)
    early = until is Until.KILLED
    offers, name, shown = ROUTES[route]
    folder = fixtures.models.path(beside.model)
    with (
        serving(loaded, folder, beside.model, offers) as url,
        tempfile.TemporaryDirectory(prefix="maccord-") as scratch,
        closing(
            judged.results(
                url, folder, Path(scratch), beside, route=name, shown=shown, first=(first,)
            )
        ) as results,
    ):
        for result in results:
            if not result.id.startswith(first) and found.beside and route == "weakest" and early:
                break
            found.measured += 1
            if result.outcome is Outcome.ERROR:
                found.errors.append(result.id)
            elif result.outcome in (Outcome.FAIL, Outcome.SILENT):
                if named_by(mutant, result):
                    found.killers[result.id] = result.message
                else:
                    found.beside.append(result.id)
            if found.killed and early:
                break
    return found


def hunted(
    names: Sequence[str], *, workers: int = 2, until: Until = Until.KILLED
) -> Iterator[Served]:
    """What each comes to, in this order. All requirements of the numerics are near."""
    context = multiprocessing.get_context("spawn")  # threads of torch do not outlive a fork
    tasks = [(name, until) for name in names]
    with ProcessPoolExecutor(workers, mp_context=context, initializer=prepare) as pool:
        yield from pool.map(_caught, tasks)


def prepare() -> None:
    """Readies a process: threads that wait for each other are slow where models are small, and bars
    of weights that are loaded would stand between the lines of progress."""
    import torch
    from transformers.utils import logging

    torch.set_num_threads(1)
    quiet: Any = logging.disable_progress_bar  # transformers annotates it with nothing.
    quiet()


def _caught(task: tuple[str, Until]) -> Served:
    name, until = task
    return caught(name, until=until)
