"""The life of a backend's process: started, awaited, and ended with everything that it started."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx

from conformance.targets import supervise
from conformance.targets.errors import NotServed, TargetError
from conformance.targets.logs import find, tail
from conformance.targets.progress import Progress, quiet

GRACE_S = 10.0
_POLL_S = 0.2
_ALL = 100_000
"""More lines than the end of a log has that is read."""


class BackendProcess:
    """A backend as a context manager: inside `with`, it runs and answered `health_url` with 200.

    It runs in a session of its own, below a supervisor that ends its whole process group when the
    `with` block is left, and also when this process dies without leaving it. SIGTERM leaves it in
    the ordinary way. Standard output and error go to `log_path`.

    Args:
        command: program and arguments.
        name: what a person calls the backend.
        env: the backend's environment; this process' own by default.
        ready_timeout_s: how long it may take until it is ready.
        gives_up: part of the line in its log that says it failed, where its process goes on.
        grace_s: how long it may take to end after SIGTERM, before SIGKILL.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        health_url: str,
        log_path: Path,
        ready_timeout_s: float,
        gives_up: str = "",
        env: Mapping[str, str] | None = None,
        grace_s: float = GRACE_S,
        progress: Progress = quiet,
    ) -> None:
        self._command = list(command)
        self._name = name
        self._health_url = health_url
        self._log_path = log_path
        self._ready_timeout_s = ready_timeout_s
        self._gives_up = gives_up
        self._log_begin = 0
        self._env = env
        self._grace_s = grace_s
        self._progress = progress
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._life: socket.socket | None = None
        self._heard = b""
        self._pid: int | None = None
        self._ended = False
        self._exit_code: int | None = None
        self._error: str | None = None
        self._old_sigterm: Any = None

    def __enter__(self) -> BackendProcess:
        """Starts the backend and waits for it.

        Raises:
            NotServed: it ended early, or was not ready in time.
            TargetError: it cannot be started.
        """
        self._catch_sigterm()
        self._log_path.unlink(missing_ok=True)
        try:
            self._start()
            self._await_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Process id, and process group, of the backend; None before it runs."""
        return self._pid

    def alive(self) -> bool:
        """Whether the backend's process still runs."""
        self._listen(0.0)
        return self._pid is not None and not self._ended

    def exit_code(self) -> int | None:
        """Exit code when it ended (negative: the signal), None while it runs or if unknown."""
        self._listen(0.0)
        return self._exit_code

    def log_tail(self, lines: int) -> list[str]:
        """The last lines of the log that are not empty, without colours and control characters.

        Those of Maccord's own questions whether it is ready are left out.
        """
        asked = f'"GET {urlsplit(self._health_url).path} '
        return [line for line in tail(self._log_path, _ALL) if asked not in line][-lines:]

    def gave_up(self) -> str | None:
        """The line of the log, since the last start, that says that it failed."""
        return find(self._log_path, self._gives_up, self._log_begin) if self._gives_up else None

    def failure(self, what: str, *, refused: bool = True) -> NotServed:
        """What to raise where it cannot be used: `what` it did, and the end of its log."""
        if line := self.gave_up():
            what = f"gave up: {line[line.index(self._gives_up) :].rstrip('.: ')}"
        lines = self.log_tail(15)
        end = f"The last lines of {self._log_path}:\n  " + "\n  ".join(lines) if lines else ""
        return NotServed(f"{self._name} {what}.", log=end or "It wrote no log.", refused=refused)

    def restart(self) -> None:
        """Ends the backend, starts it again in the same way and waits for it; the log goes on.

        Raises:
            TargetError: as on entering.
        """
        self._end()
        self._heard, self._pid, self._ended = b"", None, False
        self._exit_code = self._error = self._supervisor = None
        self._progress = quiet  # the display of the first start is gone
        self._start()
        self._await_ready()

    def stop(self) -> None:
        """Ends the backend and all of its process group, and waits until they are gone."""
        self._end()
        self._restore_sigterm()

    def _end(self) -> None:
        try:
            if self._life:
                # The supervisor takes this for the end of Maccord; the exit code can still come.
                with contextlib.suppress(OSError):
                    self._life.shutdown(socket.SHUT_WR)
                deadline = time.monotonic() + self._grace_s + 10.0
                while not self._ended and time.monotonic() < deadline:
                    self._listen(_POLL_S)
        finally:
            if self._supervisor:
                self._force()
            if self._life:
                self._life.close()
                self._life = None

    def _start(self) -> None:
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        self._life, theirs = socket.socketpair()
        with theirs, self._log_path.open("ab") as log:
            self._log_begin = log.tell()
            # Isolated and by path: it needs nothing of Maccord's own environment.
            supervisor = [sys.executable, "-I", "-S", str(Path(supervise.__file__))]
            self._supervisor = subprocess.Popen(
                [*supervisor, str(theirs.fileno()), str(self._grace_s), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                env=self._env,
                start_new_session=True,
            )

    def _await_ready(self) -> None:
        stage = f"Starting {self._name}"
        began = time.monotonic()
        # A proxy from the environment has no business between Maccord and this machine.
        with httpx.Client(timeout=2.0, trust_env=False) as client:
            while (waited := time.monotonic() - began) < self._ready_timeout_s:
                self._progress(stage, next(iter(self.log_tail(1)), ""))
                self._listen(_POLL_S)
                if self._error:
                    raise TargetError(f"{self._name} cannot be started: {self._error}.")
                if self._ended:
                    raise self.failure(f"stopped while it was starting ({self._ending()})")
                if self.gave_up():
                    raise self.failure("gave up")
                if self._pid and _answers(client, self._health_url) and self.alive():
                    self._progress(stage, f"ready after {waited:.0f} s")
                    return
        raise self.failure(
            f"was not ready after {self._ready_timeout_s:g} s: {self._health_url} did not answer "
            "with status 200",
            refused=False,
        )

    def _listen(self, wait_s: float) -> None:
        """Takes in what the supervisor says; waits for at most `wait_s`."""
        if self._ended or not self._life:
            return
        while select.select([self._life], [], [], wait_s)[0]:
            wait_s = 0.0
            try:
                data = self._life.recv(4096)
            except OSError:
                data = b""
            if not data:
                self._ended = True
                return
            *lines, self._heard = (self._heard + data).split(b"\n")
            for line in lines:
                self._understand(json.loads(line))

    def _understand(self, message: dict[str, Any]) -> None:
        if "pid" in message:
            self._pid = message["pid"]
        elif "exit" in message:
            self._exit_code, self._ended = message["exit"], True
        else:
            self._error, self._ended = message["error"], True

    def _ending(self) -> str:
        code = self._exit_code
        if code is None:
            return "its supervisor was killed"
        if code >= 0:
            return f"exit code {code}"
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
        return f"killed by signal {-code}"

    def _force(self) -> None:
        """For a supervisor that hangs or was killed: it and the group get SIGKILL."""
        assert self._supervisor
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._supervisor.wait(timeout=2.0 if self._ended else 0.0)
        if self._supervisor.returncode != 0:
            self._supervisor.kill()
            self._supervisor.wait()
            if self._pid:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._pid, signal.SIGKILL)

    def _catch_sigterm(self) -> None:
        """SIGTERM by default ends Python without leaving any `with`; here it leaves them."""
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._old_sigterm = signal.signal(signal.SIGTERM, _leave)

    def _restore_sigterm(self) -> None:
        if self._old_sigterm is not None:
            signal.signal(signal.SIGTERM, self._old_sigterm)
            self._old_sigterm = None


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
