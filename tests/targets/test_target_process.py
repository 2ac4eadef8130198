"""Nothing of a backend outlives Maccord, whatever ends either of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conformance.targets.errors import NotServed, TargetError
from conformance.targets.ports import free_port, require_free
from conformance.targets.process import BackendProcess

ROOT = Path(__file__).parents[2]

PARENT = """
import ctypes, os, sys, time
from pathlib import Path
from conformance.targets.process import BackendProcess
kind, port, log, *command = sys.argv[1:]
if kind == "no-init":
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # Orphans come here, as to a PID 1 that never reaps.
try:
    with BackendProcess(
        command, name="toy", health_url=f"http://127.0.0.1:{port}/health", log_path=Path(log),
        ready_timeout_s=30, grace_s=1,
    ):
        if kind == "forks" and os.fork() == 0:
            os.setsid()
            time.sleep(20)  # Holds every descriptor of its parent, also when that is killed.
            os._exit(0)
        print("ready", flush=True)
        time.sleep(0 if kind == "no-init" else 600)
        began = time.monotonic()
    print(f"{time.monotonic() - began:.3f}", flush=True)
finally:
    print("left", flush=True)
"""


def process(backend, **options):
    port = free_port()
    defaults = {"ready_timeout_s": 30.0, "grace_s": 5.0}
    return BackendProcess(
        backend.command(port),
        name="toy",
        health_url=f"http://127.0.0.1:{port}/health",
        log_path=backend.log,
        **{**defaults, **options},
    )


@pytest.fixture
def parent(backend, request):
    """A process of its own that runs the forking backend, as `maccord certify` would."""
    toy, port = backend("forking"), free_port()
    kind = getattr(request, "param", "plain")
    child = subprocess.Popen(
        [sys.executable, "-c", PARENT, kind, str(port), str(toy.log), *toy.command(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    assert child.stdout and child.stdout.readline() == "ready\n"
    assert len(toy.pids()) == 3
    yield child, toy
    child.kill()
    child.wait()
    child.stdout.close()


def test_runs_inside_the_block_and_ends_with_it(backend):
    toy = backend("plain")
    with process(toy) as running:
        assert running.alive()
        assert running.exit_code() is None
        assert toy.running() == [running.pid]
    assert not running.alive()
    assert running.exit_code() == -signal.SIGTERM
    assert toy.running() == []


def test_an_exception_in_the_block_ends_grandchildren_too(backend):
    toy = backend("forking")
    with pytest.raises(ZeroDivisionError), process(toy, grace_s=0.5):
        assert len(toy.running()) == 3
        raise ZeroDivisionError
    assert len(toy.pids()) == 3
    assert toy.running() == []


def test_a_backend_that_ignores_sigterm_is_killed_after_the_grace(backend):
    toy = backend("stubborn")
    with process(toy, grace_s=0.5) as running:
        began = time.monotonic()
    assert 0.5 <= time.monotonic() - began < 5.0
    assert running.exit_code() == -signal.SIGKILL
    assert toy.running() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_maccord_ends_the_backend(parent, eventually, number):
    child, toy = parent
    child.send_signal(number)
    assert eventually(lambda: toy.running() == [])
    child.wait(timeout=15)


def test_a_kill_of_maccord_s_whole_group_ends_the_backend(parent, eventually):
    child, toy = parent
    os.killpg(child.pid, signal.SIGKILL)
    assert eventually(lambda: toy.running() == [])


@pytest.mark.parametrize("parent", ["forks"], indirect=True)
def test_a_child_that_holds_the_socket_does_not_save_the_backend(parent, eventually):
    child, toy = parent
    assert len(toy.running()) == 3
    child.kill()
    assert eventually(lambda: toy.running() == [])


@pytest.mark.skipif(sys.platform != "linux", reason="launchd reaps orphans everywhere on macOS")
@pytest.mark.parametrize("parent", ["no-init"], indirect=True)
def test_the_end_is_seen_in_a_container_without_an_init(parent):
    child, toy = parent
    took_s = float(child.stdout.readline())
    assert took_s < 4.0  # Otherwise zombies count as alive for the grace and the kill's 5 s.
    assert toy.running() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_maccord_waits_for_the_end_when_it_can(parent, number):
    child, toy = parent
    os.killpg(child.pid, number)  # As a terminal does on Ctrl-C: to the whole group.
    output, _ = child.communicate(timeout=15)
    assert output == "left\n"
    assert toy.running() == []


def test_an_early_exit_is_told_with_its_code_and_log(backend):
    with pytest.raises(TargetError) as caught, process(backend("exits")):
        pass
    first, *rest = str(caught.value).splitlines()
    assert "toy stopped while it was starting (exit code 3)." in first
    assert rest == ["  weights are missing"]


def test_death_by_a_signal_is_named(backend):
    with pytest.raises(TargetError, match=r"\(killed by SIGKILL\)"), process(backend("killed")):
        pass


def test_children_of_a_backend_that_ended_are_killed(backend):
    toy = backend("leaves-a-child")
    with pytest.raises(TargetError, match=r"exit code 4"), process(toy):
        pass
    assert len(toy.pids()) == 2
    assert toy.running() == []


def test_a_backend_that_is_never_ready_is_given_up(backend):
    toy = backend("never-ready")
    began = time.monotonic()
    with (
        pytest.raises(TargetError, match=r"was not ready after 2 s") as caught,
        process(toy, ready_timeout_s=2.0),
    ):
        pass
    assert time.monotonic() - began < 10.0
    assert str(caught.value).endswith("\n  still loading")
    assert toy.running() == []


def test_a_backend_that_says_that_it_gives_up_is_not_waited_for(backend):
    toy = backend("never-ready")
    began = time.monotonic()
    with (
        pytest.raises(NotServed, match=r"^toy gave up: still loading\.") as caught,
        process(toy, gives_up="still"),
    ):
        pass
    assert time.monotonic() - began < 10.0
    assert caught.value.refused
    assert caught.value.said == "toy gave up: still loading."
    assert toy.running() == []


@pytest.mark.parametrize(("kind", "refused"), [("exits", True), ("never-ready", False)])
def test_whether_a_backend_refused_is_told_from_whether_it_was_slow(backend, kind, refused):
    with pytest.raises(NotServed) as caught, process(backend(kind), ready_timeout_s=2.0):
        pass
    assert caught.value.refused is refused


def test_maccord_s_own_questions_are_no_evidence(tmp_path):
    log = tmp_path / "log"
    asked = '127.0.0.1 - - "GET /health HTTP/1.1" 503 -\n'
    log.write_text(f'{asked}ValueError: no such model\n{asked * 40}"GET /healthy HTTP/1.1" 404\n')
    toy = BackendProcess(
        ["toy"], name="toy", health_url="http://127.0.0.1:9/health", log_path=log,
        ready_timeout_s=1.0,
    )  # fmt: skip
    assert toy.log_tail(3) == ["ValueError: no such model", '"GET /healthy HTTP/1.1" 404']


def test_a_command_that_does_not_exist(tmp_path):
    missing = BackendProcess(
        [str(tmp_path / "missing")],
        name="toy",
        health_url="http://127.0.0.1:9/health",
        log_path=tmp_path / "log",
        ready_timeout_s=5.0,
    )
    with pytest.raises(TargetError, match=r"cannot be started: .*missing: No such file"), missing:
        pass


def test_a_killed_supervisor_does_not_save_the_backend(backend, eventually):
    toy = backend("forking")
    with process(toy) as running:
        supervisor = int(
            subprocess.run(
                ["ps", "-o", "ppid=", "-p", str(running.pid)], capture_output=True, text=True
            ).stdout
        )
        os.kill(supervisor, signal.SIGKILL)
        assert eventually(lambda: not running.alive())
    assert eventually(lambda: toy.running() == [])


def test_a_port_in_use_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TargetError, match=rf"Port {port} of 127\.0\.0\.1 cannot be used"):
            require_free(port)
    require_free(port)


def test_sigterm_is_as_it_was_after_the_block(backend):
    before = signal.getsignal(signal.SIGTERM)
    with process(backend("plain")):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
