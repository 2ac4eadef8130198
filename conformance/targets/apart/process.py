"""The suite's side: a process that is asked over a pipe, with deadlines."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fixtures
from conformance.targets.apart.answers import Broken, Refused
from fixtures.models.program import FOREIGN

PACKAGES = ("conformance", "fixtures", "reference")
"""This project's: what a program in another interpreter may import of it."""

_TAIL = 3
"""Lines of the log that are told when something broke."""


class Process:
    """A program of this project in another interpreter; it starts when it is first asked, and again
    after it broke.

    Args:
        what: what it is, as the beginning of a sentence: "The engine's process".
        python: its interpreter.
        module, arguments: `python -m module *arguments SCRATCH IN OUT`, which calls `serve`.
        log: where what it prints goes; by default a file in `scratch`.
        path: folders with modules of its own.

    Attributes:
        scratch: a folder that both sides may write to; it is gone after `close`.
    """

    def __init__(
        self,
        what: str,
        python: Path,
        module: str,
        arguments: Sequence[str],
        *,
        log: Path | None = None,
        path: Sequence[Path] = (),
    ) -> None:
        self._what = what
        self._command = [str(python), "-m", module, *arguments]
        self._folder = tempfile.TemporaryDirectory(prefix="maccord-apart-")
        self.scratch = Path(self._folder.name)
        self._log = log or self.scratch / "log"
        self._path = os.pathsep.join([self._folder.name, *map(str, path)])
        root = Path(fixtures.__file__).parents[1]
        for name in PACKAGES:
            # The interpreter must see these packages and not this interpreter's others.
            (self.scratch / name).symlink_to((root / name).resolve())
        self._process: subprocess.Popen[bytes] | None = None
        self._number = 0

    @property
    def started(self) -> bool:
        return self._process is not None

    def ask(self, question: dict[str, Any], deadline_s: float) -> dict[str, Any]:
        """The answer to a question; it is asked with its "number".

        Raises:
            Refused: it refuses.
            Broken: it says that it broke, or it crashed, hung or answered nonsense.
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
            raise self.broken(_ended(self._wait()))
        try:
            answer = json.loads(raw)
            if not isinstance(answer, dict):
                raise ValueError("no object")
        except ValueError:
            raise self.broken(f"answered {raw[:80]!r}") from None
        if "refused" in answer:
            raise Refused(str(answer["refused"]))
        if "broken" in answer:
            raise Broken(str(answer["broken"]))
        return answer

    def broken(self, did: str) -> Broken:
        """What went wrong, with the last words of the log; the process is ended."""
        self.end()
        lines = self._log.read_text(errors="replace").splitlines() if self._log.is_file() else []
        last = " | ".join([line.strip() for line in lines if line.strip()][-_TAIL:])
        return Broken(f"{self._what} {did}. It said last: {last[-500:] or 'nothing'}")

    def end(self) -> None:
        """Ends the process; the next question starts another."""
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

    def close(self) -> None:
        """Ends the process, and removes its files."""
        self.end()
        self._folder.cleanup()

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
                raise self.broken(f"did not answer within {deadline_s:g} s")
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
        command = [*self._command, self._folder.name, str(theirs_in), str(theirs_out)]
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


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _ended(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
