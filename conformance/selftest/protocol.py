"""Mutants of the protocol: a proxy before production's own server, which alters one thing."""

from __future__ import annotations

import multiprocessing
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance.certify import weights_of
from conformance.kinds import SERVER
from conformance.selftest.hunt import Caught, OnBoth, Quarry, Until, hunt
from conformance.targets import recipes
from conformance.targets.progress import Progress
from conformance.targets.server import started
from fixtures.mutants.protocol import ProtocolMutant
from fixtures.mutants.protocol.proxy import SOUND, WEAKEST, proxied

BACKEND, MODEL, PROFILE = "vllm-cpu", "scripted", "api"
QUICK = 7
"""Every so many mutants one is hunted in a quick selftest."""

AT_ONCE = 8
"""So many mutants are caught before their killers are asked for on the sound server."""

STRONGEST = ""
ROUTES = (STRONGEST, WEAKEST)
"""The server as it is, and as one that shows five alternatives of each generated token."""


@contextmanager
def proxy(
    folder: Path,
    python: Path | None,
    progress: Progress,
    model: str,
    mutants: Iterable[ProtocolMutant],
) -> Iterator[Hunter]:
    """Starts the server and the proxy before it, and ends both.

    Args:
        folder: where the server's log goes.
        python: an interpreter that has vLLM; by default an environment is made.
        model: a fixture model, which the server has.
        mutants: those that are to be had below the proxy.
    """
    recipe = recipes.load(BACKEND)
    name, weights = weights_of(model, recipe, progress)
    with (
        started(
            recipe,
            model_dir=weights,
            model_name=name,
            run_dir=folder,
            python=python,
            progress=progress,
        ) as server,
        proxied(server.target.base_url.removesuffix("/v1"), mutants) as root,
    ):
        yield Hunter(root, weights)


class Hunter:
    """Sets the suite on mutants below a proxy.

    Args:
        root: the proxy's.
        tokenizer: folder of the served model's tokenizer.
    """

    def __init__(self, root: str, tokenizer: Path) -> None:
        self.root, self.tokenizer = root, tokenizer

    def hunted(
        self,
        mutants: Sequence[ProtocolMutant],
        *,
        workers: int = 2,
        until: Until = Until.KILLED,
        routes: Collection[str] = ROUTES,
    ) -> Iterator[Caught]:
        """What each comes to on the routes, as soon as that is certain: not in their order.

        A requirement that falls on the sound server as well kills nothing. Those that have killed
        are asked for there, several at once, since a run takes seconds to begin; a mutant that only
        such ones have killed is hunted once more without them. On the weakest route what killed on
        the strongest is asked first; what is killed is `OnBoth` then.
        """
        chases = _Chases(mutants, until, routes)
        context = multiprocessing.get_context("fork")  # the suite is imported once
        running: dict[Future[Caught], _Chase | _Asking] = {}
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            while chases.waiting or chases.unsure or running:
                for asking in chases.asked_now():
                    asked = (Quarry(SOUND, area=""), asking.route, asking.killers, Until.END)
                    running[pool.submit(self._hunt, asked)] = asking
                while chases.waiting and len(running) < workers:
                    chase = chases.waiting.popleft()
                    chased = (chases.quarry(chase), chase.route, None, chases.until(chase))
                    running[pool.submit(self._hunt, chased)] = chase
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    chases.took(running.pop(done), done.result())
                yield from chases.certain()

    def _hunt(self, task: tuple[Quarry, str, frozenset[str] | None, Until]) -> Caught:
        quarry, route, only, until = task
        root = f"{self.root}/{route}/{quarry.name}" if route else f"{self.root}/{quarry.name}"
        options = ["--base-url", f"{root}/v1", "--profile", PROFILE]
        options += ["--tokenizer", str(self.tokenizer)]
        return hunt(quarry, options, SERVER.parts, only=only, until=until)


@dataclass(frozen=True)
class _Chase:
    """A mutant that is hunted on a route.

    Attributes:
        strongest: what it came to on the strongest, when it is the weakest's turn.
    """

    mutant: ProtocolMutant
    route: str = STRONGEST
    strongest: Caught | None = None


@dataclass(frozen=True)
class _Asking:
    """Requirements that are asked for on the sound server."""

    route: str
    killers: frozenset[str]


class _Chases:
    """Who is to be hunted, who has been, and of whom that is not certain yet.

    Attributes:
        waiting: who is next.
        unsure: killed by requirements of which it is not known whether the sound server passes.
    """

    def __init__(
        self, mutants: Iterable[ProtocolMutant], until: Until, routes: Collection[str]
    ) -> None:
        self.waiting = deque(_Chase(mutant) for mutant in mutants)
        self.unsure: list[tuple[_Chase, Caught]] = []
        self._until = until
        self._sound = {route: _Sound() for route in routes}
        self._asking: set[str] = set()

    def quarry(self, chase: _Chase) -> Quarry:
        """How it is hunted: on the weakest route by what is near, first by what killed before."""
        mutant, before = chase.mutant, chase.strongest
        first = (f"^{re.escape(id)}$" for id in (before.killers if before else ()))
        fell, near = frozenset(self._sound[chase.route].fell), chase.route == WEAKEST
        return Quarry(mutant.name, mutant.area, (*first, *mutant.among), fell, near)

    def until(self, chase: _Chase) -> Until:
        """How far it is hunted; on the weakest route one that kills it is enough."""
        return self._until if chase.route == STRONGEST else Until.KILLED

    def asked_now(self) -> Iterator[_Asking]:
        """What it is time to ask for on the sound server: of a route one thing at a time."""
        for route in self._sound.keys() - self._asking:
            here = [found for chase, found in self.unsure if chase.route == route]
            if here and (len(here) >= AT_ONCE or not self.waiting):
                self._asking.add(route)
                yield _Asking(route, self._sound[route].unknown(here))

    def took(self, of: _Chase | _Asking, found: Caught) -> None:
        """Takes in what a run came to."""
        if isinstance(of, _Chase):
            self.unsure.append((of, found))
        else:
            self._asking.remove(of.route)
            self._sound[of.route].learn(of.killers, found)

    def certain(self) -> Iterator[Caught]:
        """Those of whom it is certain now what they come to; others are hunted on."""
        held, self.unsure = self.unsure, []
        for chase, found in held:
            sound = self._sound[chase.route]
            if sound.unknown([found]):
                self.unsure.append((chase, found))
            elif sound.clears(found) and self.until(chase) is Until.KILLED:
                self.waiting.append(chase)
            elif chase.strongest is not None:
                yield OnBoth(**vars(chase.strongest), weakest=found)
            elif WEAKEST not in self._sound:
                yield found
            elif found.killed:
                self.waiting.appendleft(_Chase(chase.mutant, WEAKEST, found))
            else:
                yield OnBoth(**vars(found))


class _Sound:
    """Which requirements the sound server has passed, and which fell there."""

    def __init__(self) -> None:
        self.passed: set[str] = set()
        self.fell: set[str] = set()

    def unknown(self, found: Iterable[Caught]) -> frozenset[str]:
        """The killers that were not asked for yet."""
        return frozenset(id for each in found for id in each.killers) - self.passed - self.fell

    def learn(self, asked: frozenset[str], found: Caught) -> None:
        self.fell |= found.killers.keys()
        self.passed |= asked - self.fell

    def clears(self, found: Caught) -> bool:
        """Takes from a mutant's killers what fell here, too, and says whether none is left."""
        false = found.killers.keys() & self.fell
        for id in false:
            del found.killers[id]
        return bool(false) and not found.killed
