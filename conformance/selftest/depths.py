"""The depths at which backends are broken on purpose: the protocol, the numerics, the kernels.

What a depth needs is imported when that depth is asked for: torch and the emulator take seconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from conformance.selftest.hunt import Caught, OnBoth, Until
from conformance.targets.progress import Display

if TYPE_CHECKING:
    from conformance.selftest.protocol import Hunter
    from fixtures.mutants.protocol import ProtocolMutant

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Hunting:
    """How mutants are hunted.

    Attributes:
        console: where progress goes.
        python: an interpreter that has vLLM; by default an environment is made.
        workers: mutants at once.
        until: how far each is hunted.
    """

    console: Console
    python: Path | None = None
    workers: int = 2
    until: Until = Until.KILLED


@dataclass(frozen=True, eq=False)
class Depth:
    """A depth.

    Attributes:
        name: as `--depth` has it.
        about: what is broken and how, for the page.
        columns: heads of what describes a mutant.
        mutants: the cells of these by the mutant's name.
        quick: names of those of a quick selftest.
        hunted: what each comes to, as it becomes known.
        weakest: what a mutant comes to on the weakest evidence route, where there are two.
        apart: sections of what is not counted: their titles, and reasons by name.
    """

    name: str
    about: str
    columns: Cells
    mutants: Mapping[str, Cells]
    quick: tuple[str, ...]
    hunted: Callable[[Sequence[str], Hunting], Iterator[Caught]]
    weakest: Callable[[Caught], tuple[bool, Caught]] | None = None
    apart: Mapping[str, Mapping[str, str]] | None = None


PROTOCOL = """\
A proxy stands before vLLM's own server with the scripted model, and alters one thing. Each mutant
is hunted until one requirement has killed it; those closest to the alteration come first. Then it
is hunted on the weakest evidence route: a server that shows five log probabilities of each
generated token, and none of a prompt."""

TASKS = """\
The same for what has no generated text: vLLM's own server with a model for embeddings, one for
pairs of texts and one for classes, each behind the proxy."""

NUMERICS = """\
A transformers model with one fault answers behind a server, and is compared with production's
snapshots, which vLLM on CUDA made. Each is served on the strongest evidence route, which shows 20
log probabilities at each token of a prompt, and on the weakest, which shows 5 of each generated
token and nothing else. It counts as killed by what is said on the strongest; figures alone, which
any difference has, name nothing, and where it says which known fault the departure is like, that
one's area alone counts. The dictionaries of known faults hold these mutants too; what they make of
faults that they do not hold is in docs/numerics.md. On the weakest route a mutant is seen where a
requirement falls that looks where the fault shows, and named where that says what it is."""

KERNELS = """\
One text of the reference's Metal kernels is replaced by another, and the kernel profile is measured
in the emulator with all safety modes. What kills is a requirement on the operation itself: by a
number beyond its bound, or by a race, a place out of bounds or uninitialised memory. A kernel that
does not compile kills nothing. Names with a number are made by rule, each place one by one."""


@contextmanager
def _proxied(how: Hunting, model: str, mutants: Sequence[ProtocolMutant]) -> Iterator[Hunter]:
    """A server with a fixture model and the proxy before it, started with progress shown."""
    from conformance.selftest import protocol

    with tempfile.TemporaryDirectory(prefix="maccord-") as folder, ExitStack() as stack:
        with Display(how.console) as progress:
            proxy = protocol.proxy(Path(folder), how.python, progress, model, mutants)
            hunter = stack.enter_context(proxy)
        yield hunter


def _protocol() -> Depth:
    from conformance.selftest import protocol
    from fixtures.mutants.protocol import PROTOCOL as MUTANTS

    by_name = {each.name: each for each in MUTANTS}

    def hunted(names: Sequence[str], how: Hunting) -> Iterator[Caught]:
        mutants = [by_name[name] for name in names]
        with _proxied(how, protocol.MODEL, MUTANTS) as hunter:
            yield from hunter.hunted(mutants, workers=how.workers, until=how.until)

    def weakest(found: Caught) -> tuple[bool, Caught]:
        assert isinstance(found, OnBoth)
        return found.weakest.killed, found.weakest

    return Depth(
        "protocol",
        PROTOCOL,
        ("what the server does", "real bug"),
        {each.name: (each.what, each.bug) for each in MUTANTS},
        tuple(by_name)[:: protocol.QUICK],
        hunted,
        weakest,
    )


def _tasks() -> Depth:
    from conformance.selftest import protocol
    from fixtures.mutants.tasks import TASKS as MUTANTS

    every = [mutant for some in MUTANTS.values() for mutant in some]

    def hunted(names: Sequence[str], how: Hunting) -> Iterator[Caught]:
        for model, some in MUTANTS.items():
            mutants = [mutant for mutant in some if mutant.name in names]
            if not mutants:
                continue
            with _proxied(how, model, some) as hunter:
                yield from hunter.hunted(
                    mutants, workers=how.workers, until=how.until, routes=(protocol.STRONGEST,)
                )

    return Depth(
        "tasks",
        TASKS,
        ("what the server does", "real bug"),
        {each.name: (each.what, each.bug) for each in every},
        tuple(each.name for each in MUTANTS["bert-reranker"])[:: protocol.QUICK],
        hunted,
    )


def _numerics() -> Depth:
    from conformance.selftest import numerics
    from fixtures.mutants.numerics.tolerated import AT_THE_LIMIT, TOLERATED

    def hunted(names: Sequence[str], how: Hunting) -> Iterator[Caught]:
        yield from numerics.hunted(names, workers=how.workers, until=how.until)

    def weakest(found: Caught) -> tuple[bool, Caught]:
        assert isinstance(found, numerics.Served)
        return found.seen, found.weakest

    return Depth(
        "numerics",
        NUMERICS,
        ("what the backend does", "area", "real bug"),
        {each.name: (each.what, each.area, each.bug) for each in numerics.MUTANTS.values()},
        numerics.QUICK,
        hunted,
        weakest,
        {"No fault by production's own band": {**TOLERATED, **AT_THE_LIMIT}},
    )


def _kernels() -> Depth:
    from conformance.selftest import kernels
    from fixtures.mutants.kernels.by_rule import EQUIVALENT

    def hunted(names: Sequence[str], how: Hunting) -> Iterator[Caught]:
        yield from kernels.hunted(names, workers=how.workers, until=how.until)

    return Depth(
        "kernels",
        KERNELS,
        ("file", "what stands there → instead"),
        {each.name: (each.file, f"`{each.what}`") for each in kernels.mutants().values()},
        tuple(kernels.mutants())[:: kernels.QUICK],
        hunted,
        apart={"By rule, and the same kernel": EQUIVALENT},
    )


_MADE: Mapping[str, Callable[[], Depth]] = {
    "protocol": _protocol,
    "tasks": _tasks,
    "numerics": _numerics,
    "kernels": _kernels,
}
NAMES = tuple(_MADE)
"""Of all depths."""


@cache
def depth(name: str) -> Depth:
    """The depth of this name. Raises KeyError."""
    return _MADE[name]()
