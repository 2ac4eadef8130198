"""Runs kernels in a process of their own: a crash or an endless loop becomes a sentence.

One host process serves all launches of this Python process, one after the other. Buffers lie in a
file that both map; the host is replaced when a kernel crashed or exceeded its deadline.
"""

from __future__ import annotations

import atexit
import mmap
import os
import select
import struct
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from reference.emulator.compiler import host_program
from reference.emulator.errors import DeadlineExceeded, EmulatorError, KernelCrash

Bytes = NDArray[np.uint8]
Size = tuple[int, int, int]

DEADLINE = 60.0  # seconds, unless a launch names another one
# Bytes between two buffers in the shared file: kernels that read a little past the end of one, as
# over-dispatched grids do, must not read another. (In a safety mode the checker reports them.)
_GAP = 1 << 16


@dataclass
class Buffer:
    """Memory that a kernel sees: `data` is copied to it and, if `writable`, back."""

    index: int
    name: str
    data: Bytes
    element_size: int
    writable: bool


@dataclass(frozen=True)
class ThreadgroupMemory:
    index: int
    name: str
    size: int  # bytes


@dataclass
class LaunchRequest:
    kernel: str
    library: Path
    grid: Size  # in threads
    threadgroup: Size
    buffers: Sequence[Buffer]
    threadgroup_memory: Sequence[ThreadgroupMemory] = ()
    checks: Sequence[str] = ()
    seed: int = 0  # of the schedule; 0 is the plain order
    workers: int = 0  # threads of the operating system; 0 is one for each core
    deadline: float = field(default=DEADLINE)


def launch(request: LaunchRequest) -> str:
    """Executes a kernel and waits for it; returns what the checker found, one JSON object a line.

    Raises KernelCrash, DeadlineExceeded, or EmulatorError when it can not be started.
    """
    if 0 in request.grid:
        return ""
    with _lock:
        return _host().launch(request)


def writer(request: LaunchRequest, index: int, offset: int) -> str:
    """Who wrote byte `offset` of buffer `index` last in the last launch with the check "races".

    Returns a place as findings have it (a JSON object), or an empty text.
    """
    with _lock:
        return _host().ask(f"writer {index} {offset}\n", request)


_lock = threading.Lock()
_running: _Host | None = None
_owner = 0


def _host() -> _Host:
    """The host of this process: a forked child does not share its parent's."""
    global _running, _owner
    if _running is None or _owner != os.getpid() or _running.process.poll() is not None:
        _running, _owner = _Host(), os.getpid()
    return _running


class _Host:
    def __init__(self) -> None:
        self.owner = os.getpid()
        self.memory = _SharedMemory()
        self.process = subprocess.Popen(
            [str(host_program())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            pass_fds=(self.memory.file.fileno(),),
        )
        atexit.register(self.close)

    def close(self) -> None:
        if os.getpid() != self.owner:
            return  # a forked child leaves its parent's host alone
        self.process.kill()
        self.process.wait()
        self.memory.close()
        atexit.unregister(self.close)

    def launch(self, request: LaunchRequest) -> str:
        ends: list[int] = []
        size = _GAP
        for i, buffer in enumerate(request.buffers):
            home = _home(buffer, request.buffers[:i])
            if home is not None:  # an array that is bound twice is one memory
                ends.append(ends[home] + _address(buffer) - _address(request.buffers[home]))
                continue
            ends.append(size)
            size += (buffer.data.nbytes + _GAP - 1) // _GAP * _GAP + _GAP
        shared = self.memory.view(size)
        for buffer, offset in zip(request.buffers, ends, strict=True):
            shared[offset : offset + buffer.data.nbytes] = buffer.data
        rest = self.ask(_command(request, ends, self.memory), request)
        for buffer, offset in zip(request.buffers, ends, strict=True):
            if buffer.writable:
                buffer.data[...] = shared[offset : offset + buffer.data.nbytes]
        return rest

    def ask(self, command: str, request: LaunchRequest) -> str:
        text = self._exchange(command, request)
        status, _, rest = text.partition("\n")
        if status != "ok":
            raise EmulatorError(f"{request.kernel}: {text.removeprefix('error ')}")
        return rest

    def _exchange(self, command: str, request: LaunchRequest) -> str:
        assert self.process.stdin is not None and self.process.stdout is not None
        message = command.encode()
        end = monotonic() + request.deadline
        try:
            self.process.stdin.write(struct.pack("=I", len(message)) + message)
            (length,) = struct.unpack("=I", self._read(4, end))
            text = self._read(length, end).decode()
        except TimeoutError:
            self.close()
            raise DeadlineExceeded(
                f"{request.kernel} did not end within {request.deadline:g} s: it may loop for ever,"
                " or wait for a thread that never comes"
            ) from None
        except (EOFError, BrokenPipeError):
            self.process.wait()
            self.close()
            raise KernelCrash(
                f"{request.kernel} ended the process that it ran in, with code"
                f" {self.process.returncode}"
            ) from None
        if text.startswith("crash "):
            self.close()
            raise KernelCrash(
                f"{request.kernel} crashed: {text.removeprefix('crash ')};"
                ' check="bounds" finds the access'
            )
        return text

    def _read(self, size: int, end: float) -> bytes:
        assert self.process.stdout is not None
        data = b""
        while len(data) < size:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, end - monotonic()))
            if not ready:
                raise TimeoutError
            part = self.process.stdout.read(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data


def _address(buffer: Buffer) -> int:
    return buffer.data.ctypes.data


def _home(buffer: Buffer, before: Sequence[Buffer]) -> int | None:
    """Which of the buffers `before` holds all of `buffer`."""
    first, last = _address(buffer), _address(buffer) + buffer.data.nbytes
    for i, other in enumerate(before):
        if _address(other) <= first < last <= _address(other) + other.data.nbytes:
            return i
    return None


class _SharedMemory:
    """A file that grows and is mapped here and in the host, which inherits it. It has no name, so
    that nothing is left when a process is killed."""

    def __init__(self) -> None:
        folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        descriptor, path = tempfile.mkstemp(prefix="metal-emulator-", dir=folder)
        os.unlink(path)
        self.file, self.path, self.size = os.fdopen(descriptor, "r+b"), f"/dev/fd/{descriptor}", 0
        self.map: mmap.mmap | None = None

    def view(self, size: int) -> Bytes:
        if self.map is None or size > self.size:
            self.size = max(1 << 20, 1 << (size - 1).bit_length())
            self.file.truncate(self.size)
            self.map = mmap.mmap(self.file.fileno(), self.size)
        return np.frombuffer(self.map, np.uint8)

    def close(self) -> None:
        self.map = None
        self.file.close()


def _command(request: LaunchRequest, offsets: Sequence[int], memory: _SharedMemory) -> str:
    lines = [
        f"library {request.library}",
        f"kernel {request.kernel}",
        "grid " + " ".join(map(str, request.grid)),
        "threadgroup " + " ".join(map(str, request.threadgroup)),
        f"seed {request.seed}",
        f"workers {request.workers or os.cpu_count() or 1}",
        f"memory {memory.size} {memory.path}",
    ]
    if request.checks:
        lines.append("checks " + ",".join(request.checks))
    for b, offset in zip(request.buffers, offsets, strict=True):
        lines.append(
            f"buffer {b.index} {offset} {b.data.nbytes} {b.element_size} {int(b.writable)} {b.name}"
        )
    for m in request.threadgroup_memory:
        lines.append(f"threadgroup_memory {m.index} {m.size} 1 {m.name}")
    return "\n".join(lines) + "\n"
