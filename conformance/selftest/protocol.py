"""Mutants of the protocol: a proxy before production's own server, which alters one thing."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from conformance.certify import weights_of
from conformance.kinds import SERVER
from conformance.selftest.hunt import Caught, Quarry, hunt
from conformance.targets import recipes
from conformance.targets.progress import Progress, quiet
from conformance.targets.server import started
from fixtures.mutants.protocol import PROTOCOL, ProtocolMutant
from fixtures.mutants.protocol.proxy import SOUND, proxied

BACKEND, MODEL, PROFILE = "vllm-cpu", "scripted", "api"
QUICK = 6
"""Every so many mutants one is hunted in a quick selftest."""

AT_ONCE = 8
"""So many mutants are caught before their killers are asked for on the sound server."""


@contextmanager
def proxy(folder: Path, python: Path | None, progress: Progress = quiet) -> Iterator[Hunter]:
    """Starts the server and the proxy before it, and ends both.

    Args:
        folder: where the server's log goes.
        python: an interpreter that has vLLM; by default an environment is made.
    """
    recipe = recipes.load(BACKEND)
    name, weights = weights_of(MODEL, recipe, progress)
    with (
        started(
            recipe,
            model_dir=weights,
            model_name=name,
            run_dir=folder,
            python=python,
            progress=progress,
        ) as server,
        proxied(server.target.base_url.removesuffix("/v1"), PROTOCOL) as root,
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
        self, mutants: Sequence[ProtocolMutant], *, workers: int = 2, to_the_end: bool = False
    ) -> Iterator[Caught]:
        """What each comes to, as soon as that is certain: not in the order of `mutants`.

        A requirement that falls on the sound server as well kills nothing. Those that have killed
        are asked for there, several at once, since a run takes seconds to begin; a mutant that only
        such ones have killed is hunted once more without them.
        """
        waiting, unsure = deque(mutants), list[tuple[ProtocolMutant, Caught]]()
        sound = _Sound()
        running: dict[Future[Caught], ProtocolMutant | frozenset[str]] = {}
        context = multiprocessing.get_context("fork")  # the suite is imported once
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            while waiting or running or unsure:
                asking = any(isinstance(of, frozenset) for of in running.values())
                if unsure and not asking and (len(unsure) >= AT_ONCE or not waiting):
                    killers = sound.unknown(found for _, found in unsure)
                    task = (Quarry(SOUND, area=""), killers, True)
                    running[pool.submit(self._hunt, task)] = killers
                while waiting and len(running) < workers:
                    mutant = waiting.popleft()
                    quarry = Quarry(mutant.name, mutant.area, mutant.among, frozenset(sound.fell))
                    running[pool.submit(self._hunt, (quarry, None, to_the_end))] = mutant
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    of, found = running.pop(done), done.result()
                    if isinstance(of, frozenset):
                        sound.learn(of, found)
                    else:
                        unsure.append((of, found))
                certain = [each for each in unsure if not sound.unknown([each[1]])]
                unsure = [each for each in unsure if sound.unknown([each[1]])]
                for mutant, found in certain:
                    if sound.clears(found) and not to_the_end:
                        waiting.append(mutant)
                    else:
                        yield found

    def _hunt(self, task: tuple[Quarry, frozenset[str] | None, bool]) -> Caught:
        quarry, only, to_the_end = task
        options = ["--base-url", f"{self.root}/{quarry.name}/v1", "--profile", PROFILE]
        options += ["--tokenizer", str(self.tokenizer)]
        return hunt(quarry, options, SERVER.parts, only=only, to_the_end=to_the_end)


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
