"""Whether a target still serves, and the keeper that starts it again."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from conformance.recovery import Keeper, trouble
from conformance.run import RunFolder
from conformance.targets.client import Client
from conformance.targets.errors import TargetError
from tests.misbehaving import MisbehavingServer


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("good", None),
        ("error-500", "it answers 500: "),
        ("hangs", "No complete answer within 1 s"),
        ("dies", "The connection broke"),
    ],
)
def test_trouble(mode: str, expected: str | None) -> None:
    with MisbehavingServer(mode) as server, Client(server.base_url, timeout_s=1) as client:
        found = trouble(client, "canned")
    assert found is None if expected is None else (found or "").startswith(expected)


def wanted(folder: RunFolder) -> None:
    """Want a restart and wait until it is done, as a worker does."""
    folder.want_restart("api/chat/n")
    deadline = time.monotonic() + 20
    while folder.restart_wanted():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_keeper_restarts_once_for_each_that_wants_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.reset()
    restarts: list[str] = []
    with Keeper(folder, lambda: restarts.append(threading.current_thread().name)):
        wanted(folder)
        wanted(folder)
    assert restarts == ["keeper", "keeper"]
    assert folder.restarts() == ["api/chat/n"] * 2
    assert folder.lost() is None


def test_a_backend_that_does_not_start_again_is_lost(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.reset()

    def fails() -> None:
        raise TargetError("the port is taken")

    with Keeper(folder, fails):
        wanted(folder)
    assert folder.lost() == "it could not be started again: the port is taken"
