"""A runner in a process of its own, in any interpreter: asked over a pipe, with deadlines."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fixtures
from conformance.targets.runners import worker
from conformance.targets.runners.contract import Broken, Logits, Refused, Sequences, Way
from fixtures.models.program import FOREIGN
from fixtures.snapshots import Recorded

LOAD_S = 300.0
"""An engine that compiles when it starts takes a minute."""

RUN_S = 900.0
"""One way with every sequence of a model; SmolLM2 in bfloat16 on two cores takes a few minutes."""

_TAIL = 3
_MODULES = "conformance", "fixtures"


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
        self._command = [str(python), "-m", worker.__name__, module, kind, str(folder), dtype]
        self._log, self._load_s, self._run_s = log, load_s, run_s
        self._scratch = tempfile.TemporaryDirectory(prefix="maccord-runner-")
        self._path = os.pathsep.join([self._scratch.name, *map(str, path)])
        root = Path(fixtures.__file__).parents[1]
        for name in _MODULES:
            # The engine's interpreter must see these packages and not this interpreter's others.
            (Path(self._scratch.name) / name).symlink_to((root / name).resolve())
        self._process: subprocess.Popen[bytes] | None = None
        self._number = 0
        self.ways = tuple(Way(way) for way in self._ask({"do": "load"}, load_s)["ways"])

    def logits(self, token_ids: list[int]) -> Logits:
        """Not across the pipe: `score` brings what is needed of them."""
        raise Refused("A runner in another process gives the top of its logits only.")

    def generate(self, token_ids: list[int], max_tokens: int) -> list[int]:
        asked = {"do": "generate", "token_ids": list(token_ids), "max_tokens": max_tokens}
        said = self._running(asked).get("said")
        if not isinstance(said, list) or not all(isinstance(token, int) for token in said):
            raise self._broken("gave no list of token ids")
        return said

    def score(self, sequences: Sequences, way: Way) -> Mapping[str, Recorded]:
        asked = {
            "do": "score",
            "way": way.value,
            "sequences": {name: [int(i) for i in ids] for name, ids in sequences.items()},
        }
        answer = self._running(asked)
        file = Path(self._scratch.name) / str(answer.get("file"))
        try:
            return worker.load(file)
        except (OSError, ValueError, KeyError) as error:
            raise self._broken(f"gave no file of what it saw ({error})") from None
        finally:
            file.unlink(missing_ok=True)

    def close(self) -> None:
        """Ends the process, and removes its files."""
        self._end()
        self._scratch.cleanup()

    def _running(self, question: dict[str, Any]) -> dict[str, Any]:
        if self._process is None:
            self._ask({"do": "load"}, self._load_s)
        return self._ask(question, self._run_s)

    def _ask(self, question: dict[str, Any], deadline_s: float) -> dict[str, Any]:
        """The answer to a question.

        Raises:
            Refused: the runner refuses.
            Broken: the runner says that it broke, or it crashed, hung or answered nonsense.
        """
        if self._process is None:
            self._start()
        self._number += 1
        line = json.dumps({**question, "number": self._number}) + "\n"
        try:
            _write(self._questions, line.encode())
            raw = self._line(deadline_s)
        except OSError:
            raw = b""
        if not raw:
            raise self._broken(_ended(self._wait()))
        try:
            answer = json.loads(raw)
            if not isinstance(answer, dict):
                raise ValueError("no object")
        except ValueError:
            raise self._broken(f"answered {raw[:80]!r}") from None
        if "refused" in answer:
            if question["do"] == "load":
                self._end()
            raise Refused(str(answer["refused"]))
        if "broken" in answer:
            raise Broken(str(answer["broken"]))
        return answer

    def _line(self, deadline_s: float) -> bytes:
        """The next line; empty if the process ended without.

        Raises:
            Broken: the deadline passed.
        """
        until = time.monotonic() + deadline_s
        found = b""
        while not found.endswith(b"\n"):
            ready, _, _ = select.select([self._answers], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise self._broken(f"did not answer within {deadline_s:g} s")
            part = os.read(self._answers, 1 << 16)
            if not part:
                return b""
            found += part
        return found

    def _start(self) -> None:
        environment = {key: value for key, value in os.environ.items() if key not in FOREIGN}
        environment |= {"PYTHONPATH": self._path, "PYTHONUNBUFFERED": "1"}
        theirs_in, self._questions = os.pipe()
        self._answers, theirs_out = os.pipe()
        command = [*self._command, self._scratch.name, str(theirs_in), str(theirs_out)]
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    pass_fds=(theirs_in, theirs_out),
                    start_new_session=True,
                )
        finally:
            os.close(theirs_in)
            os.close(theirs_out)

    def _wait(self) -> int:
        assert self._process is not None
        try:
            return self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return 0

    def _broken(self, did: str) -> Broken:
        """What went wrong, with the last words of the log; the process is ended."""
        self._end()
        lines = self._log.read_text(errors="replace").splitlines() if self._log.is_file() else []
        last = " | ".join([line.strip() for line in lines if line.strip()][-_TAIL:])
        return Broken(f"The engine's process {did}. It said last: {last[-500:] or 'nothing'}")

    def _end(self) -> None:
        if self._process is None:
            return
        os.close(self._questions)
        os.close(self._answers)
        if self._process.poll() is None:
            try:
                self._process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _ended(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
