"""Runs one backend and sees to it that nothing of it outlives Maccord.

A process of its own, started as `python -I -S supervise.py FD GRACE COMMAND...`. FD is one end of a
socket whose other end only Maccord holds: when it is closed, by choice or because Maccord was
killed in whatever way, the backend's whole process group is ended. Over the same socket go lines
of JSON: {"pid": …} once the backend runs, {"error": …} if it cannot, {"exit": …} when it ended and
its group is gone. Standard library only, so that it starts at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

_KILL_WAIT_S = 5.0
_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> int:
    """Runs the command until it ends or the socket is closed; returns 0."""
    life = socket.socket(fileno=int(arguments[0]))
    grace_s, command = float(arguments[1]), arguments[2:]
    # This process is in a session of its own, yet a `kill` meant for Maccord's whole tree may
    # reach it: its work begins when Maccord ends, so it must not end first.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    _adopt_orphans()
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    parent = os.getppid()
    try:
        backend = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, restore_signals=True
        )
    except OSError as error:
        _say(life, error=f"{command[0]}: {error.strerror}")
        return 0
    _say(life, pid=backend.pid)
    status: int | None = None
    while status is None:
        # The timeout is for a child that Maccord forked and that holds its end of the socket open.
        ready, _, _ = select.select([life, woken], [], [], 1.0)
        if woken in ready:
            woken.recv(4096)
        status = _reap(backend.pid)
        if (life in ready and not _alive(life)) or os.getppid() != parent:
            break
    status = _end_group(backend.pid, status, 0.0 if status is not None else grace_s)
    backend.returncode = 0  # Reaped above; keeps Popen from looking for it.
    _say(life, exit=status)
    return 0


def _end_group(group: int, status: int | None, grace_s: float) -> int | None:
    """SIGTERM, then SIGKILL after the grace, to all that is left; the leader's exit status."""
    for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, _KILL_WAIT_S)):
        deadline = time.monotonic() + wait_s
        if not _signal_group(group, number):
            return status
        while time.monotonic() < deadline:
            found = _reap(group)
            status = found if status is None else status
            if not _signal_group(group, 0):
                return status
            time.sleep(0.02)
    return status


def _signal_group(group: int, number: int) -> bool:
    """Whether the group exists. macOS says "not permitted" where only zombies are left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _reap(leader: int) -> int | None:
    """Collects every child that ended; the exit status of the leader if it is among them."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, raw = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == leader:
                status = os.waitstatus_to_exitcode(raw)
    return status


def _alive(life: socket.socket) -> bool:
    try:
        return bool(life.recv(1))
    except OSError:
        return False


def _say(life: socket.socket, **message: object) -> None:
    with contextlib.suppress(OSError):
        life.sendall(json.dumps(message).encode() + b"\n")


def _adopt_orphans() -> None:
    """Grandchildren whose parent ends come to this process, which can then reap them (Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
