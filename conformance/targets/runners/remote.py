"""A runner in a process of its own, in any interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conformance.targets.apart.process import Process
from conformance.targets.runners import worker
from conformance.targets.runners.contract import Logits, Refused, Sequences, Way
from fixtures.snapshots import Recorded

LOAD_S = 300.0
"""An engine that compiles when it starts takes a minute."""

RUN_S = 900.0
"""One way with every sequence of a model; SmolLM2 in bfloat16 on two cores takes a few minutes."""


class RemoteRunner:
    """One model in an engine's own process, which starts when it is first asked and again after it
    broke.

    Args:
        python: the engine's interpreter.
        module, kind: the adapter's module and class.
        log: what the engine prints.
        path: folders with modules of the adapter's own.
    """

    def __init__(
        self,
        python: Path,
        module: str,
        kind: str,
        folder: Path,
        dtype: str,
        log: Path,
        *,
        path: Sequence[Path] = (),
        load_s: float = LOAD_S,
        run_s: float = RUN_S,
    ) -> None:
        self.dtype = dtype
        self._load_s, self._run_s = load_s, run_s
        self._process = Process(
            "The engine's process",
            python,
            worker.__name__,
            [module, kind, str(folder), dtype],
            log=log,
            path=path,
        )
        self.ways = tuple(Way(way) for way in self._load()["ways"])

    def logits(self, token_ids: list[int]) -> Logits:
        """Not across the pipe: `score` brings what is needed of them."""
        raise Refused("A runner in another process gives the top of its logits only.")

    def generate(self, token_ids: list[int], max_tokens: int) -> list[int]:
        asked = {"do": "generate", "token_ids": list(token_ids), "max_tokens": max_tokens}
        said = self._running(asked).get("said")
        if not isinstance(said, list) or not all(isinstance(token, int) for token in said):
            raise self._process.broken("gave no list of token ids")
        return said

    def score(self, sequences: Sequences, way: Way) -> Mapping[str, Recorded]:
        asked = {
            "do": "score",
            "way": way.value,
            "sequences": {name: [int(i) for i in ids] for name, ids in sequences.items()},
        }
        answer = self._running(asked)
        file = self._process.scratch / str(answer.get("file"))
        try:
            return worker.load(file)
        except (OSError, ValueError, KeyError) as error:
            raise self._process.broken(f"gave no file of what it saw ({error})") from None
        finally:
            file.unlink(missing_ok=True)

    def close(self) -> None:
        """Ends the process, and removes its files."""
        self._process.close()

    def _load(self) -> dict[str, Any]:
        try:
            return self._process.ask({"do": "load"}, self._load_s)
        except Refused:
            self._process.end()
            raise

    def _running(self, question: dict[str, Any]) -> dict[str, Any]:
        if not self._process.started:
            self._load()
        return self._process.ask(question, self._run_s)
