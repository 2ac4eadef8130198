"""Whether a target still serves, and the keeper that starts it again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.outcomes import Failed
from conformance.recovery import CAUSE, Keeper, Recovery, trouble
from conformance.run import RunFolder
from conformance.targets.client import Client, NoAnswer
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


# A backend that hangs ----------------------------------------------------------------------------


class Frail:
    """A server that hangs for all from the first list of prompts on, and its recovery."""

    def __init__(self, folder: RunFolder) -> None:
        self.server = MisbehavingServer("hangs-on-lists")
        self.port = self.server.port
        self.server.__enter__()
        self.client = Client(self.server.base_url, timeout_s=1)
        self.recovery = Recovery(folder, self.client, "canned", restartable=True)

    def restart(self) -> None:
        self.server.close()
        self.server = MisbehavingServer("hangs-on-lists", port=self.port)
        self.server.__enter__()

    def complete(self, prompt: object) -> int:
        return self.client.post(
            "/completions", {"model": "canned", "prompt": prompt, "max_tokens": 1}
        ).status

    def measured(self, act: Callable[[], int]) -> int:
        """What `act` comes to in the guard of the recovery."""
        guarded = self.recovery.guarded("id", alone=False, check_ready=lambda: None, again=act)
        next(guarded)
        try:
            try:
                status = act()
            except Exception as raised:
                guarded.throw(raised)
            else:
                guarded.send(status)
        except StopIteration as ended:
            return int(ended.value)
        raise AssertionError("the guard went on")


@pytest.fixture
def frail(tmp_path: Path) -> Iterator[Frail]:
    folder = RunFolder(tmp_path)
    folder.reset()
    found = Frail(folder)
    with found.client, Keeper(folder, found.restart):
        yield found
    found.server.close()


def test_the_request_after_which_a_server_hangs_is_blamed(frail: Frail) -> None:
    with pytest.raises(Failed) as raised:
        frail.measured(lambda: frail.complete(["a", "b"]))
    assert raised.value.cause == CAUSE
    assert "No complete answer within 1 s" in str(raised.value.actual)
    assert frail.complete("a") == 200


def test_whoever_meets_a_server_that_hangs_is_measured_on_a_fresh_one(frail: Frail) -> None:
    with pytest.raises(NoAnswer):
        frail.complete(["a", "b"])
    assert frail.measured(lambda: frail.complete("a")) == 200
