"""Small real backends for the tests of the targets: Python scripts, started as processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PREAMBLE = """
import http.server, os, signal, subprocess, sys, time

class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass

def serve():
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()

def note(pid):
    with open(sys.argv[2], "a") as file:
        file.write(f"{pid}\\n")

note(os.getpid())
"""

BACKENDS = {
    "plain": "serve()",
    "forking": """
ignore = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
for code in ("import time; time.sleep(600)", ignore):
    note(subprocess.Popen([sys.executable, "-c", code]).pid)
serve()
""",
    "stubborn": "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nserve()",
    "exits": "print('weights are missing', flush=True)\nsys.exit(3)",
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "leaves-a-child": """
note(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid)
sys.exit(4)
""",
    "never-ready": "print('\\x1b[31mstill loading\\x1b[0m', flush=True)\ntime.sleep(600)",
}


class Backend:
    """One of BACKENDS as a script, and the processes that it noted down."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.script = folder / f"{kind}.py"
        self.script.write_text(PREAMBLE + BACKENDS[kind], encoding="utf-8")
        self._notes = folder / f"{kind}.pids"
        self.log = folder / f"{kind}.log"

    def command(self, port: int) -> list[str]:
        return [sys.executable, str(self.script), str(port), str(self._notes)]

    def pids(self) -> list[int]:
        return [int(line) for line in self._notes.read_text().split()]

    def running(self) -> list[int]:
        return [pid for pid in self.pids() if runs(pid)]


def runs(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(found.stdout.strip()) and not found.stdout.strip().startswith("Z")


@pytest.fixture
def backend(tmp_path: Path) -> Callable[[str], Backend]:
    return lambda kind: Backend(tmp_path, kind)


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """Waits until something holds, for at most 15 s; whether it did."""

    def wait(holds: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + 15.0
        while time.monotonic() < deadline:
            if holds():
                return True
            time.sleep(0.05)
        return False

    return wait
