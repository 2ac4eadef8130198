"""Mutants of the kernels: the reference's Metal sources with one text replaced, in the emulator.

The suite never imports the reference; it reaches these kernels as any other library, by a name.
"""

from __future__ import annotations

import importlib
import multiprocessing
import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

from conformance.kinds import KERNELS
from conformance.selftest.hunt import Caught, Quarry, Until, hunt
from fixtures.mutants.kernels import KernelMutant, by_rule
from fixtures.mutants.kernels.by_hand import BY_HAND

PROFILE = "kernels"
QUICK = 8
"""Every so many mutants one is hunted in a quick selftest."""

PLACE = "reference.metal"
LIBRARY = f"{__name__}:altered"

AREAS = {
    "mla_attention.metal": "mla-attention",
    "reshape_and_cache.metal": "reshape-and-cache",
    "copy_blocks.metal": "copy-blocks",
    "kv_cache.h": "paged-attention|reshape-and-cache",
    "online_softmax.h": "paged-attention|mla-attention",
    "tiles.h": "paged-attention|mla-attention",
}
"""The operations that a file is for; of the others `paged_attention`."""

_planted: ContextVar[Path] = ContextVar("_planted")
"""Where the sources of the mutant are that is hunted."""


def altered() -> Any:
    """The kernels of the mutant that is hunted, in the emulator with all safety modes."""
    metal = importlib.import_module(PLACE)
    return metal.library(metal.Launcher(gpu=False, sources=_planted.get()))


def sources() -> Path:
    """The folder of the kernels as they are."""
    found: Path = importlib.import_module(f"{PLACE}.launch").SOURCES
    return found


@cache
def mutants() -> dict[str, KernelMutant]:
    """All of them by name: those made by hand, then those by rule which are others."""
    texts = {path.name: path.read_text() for path in sorted(sources().glob("*.[mh]*"))}
    made = {(each.file, each.altered(texts[each.file])) for each in BY_HAND}
    ruled = [
        each
        for each in by_rule.mutants(texts)
        if (each.file, each.altered(texts[each.file])) not in made
    ]
    return {each.name: each for each in (*BY_HAND, *ruled) if each.name not in by_rule.EQUIVALENT}


def quarry(mutant: KernelMutant) -> Quarry:
    """What kills it: a requirement on its operation, by what the kernel computes or does.

    A kernel that is no Metal is no mutant, and no requirement sees it.
    """
    operation = AREAS.get(mutant.file, "paged-attention")
    area = rf"^kernels/({operation})/\S+ (?!The library raised CompileError)"
    return Quarry(mutant.name, area, tuple(f"^{re.escape(each)}$" for each in mutant.among))


def caught(
    mutant: KernelMutant, *, only: Collection[str] | None = None, until: Until = Until.KILLED
) -> Caught:
    """What a mutant comes to, in this process; arguments as for `hunt`."""
    options = ["--kernels", LIBRARY, "--profile", PROFILE]
    with tempfile.TemporaryDirectory(prefix="maccord-") as folder:
        token = _planted.set(mutant.plant(sources(), Path(folder) / "metal"))
        try:
            return hunt(quarry(mutant), options, KERNELS.parts, only=only, until=until)
        finally:
            _planted.reset(token)


def hunted(
    names: Sequence[str], *, workers: int = 2, until: Until = Until.KILLED
) -> Iterator[Caught]:
    """What each comes to, in this order."""
    context = multiprocessing.get_context("spawn")
    tasks = [(name, until) for name in names]
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(_caught, tasks)


def _caught(task: tuple[str, Until]) -> Caught:
    name, until = task
    return caught(mutants()[name], until=until)
