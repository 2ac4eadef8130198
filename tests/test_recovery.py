"""Whether a target still serves, and the keeper that starts it again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.outcomes import Failed, Inconclusive
from conformance.recovery import CAUSE, SLOW, Keeper, Recovery, trouble
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


def guarded(recovery: Recovery, act: Callable[[], int], *, alone: bool = False) -> int:
    """What a requirement comes to in the guard of a recovery."""
    guard = recovery.guarded("id", alone=alone, check_ready=lambda: None, again=act)
    next(guard)
    try:
        try:
            status = act()
        except Exception as raised:
            guard.throw(raised)
        else:
            guard.send(status)
    except StopIteration as ended:
        return int(ended.value)
    raise AssertionError("the guard went on")


# An answer that is late --------------------------------------------------------------------------


class Late:
    """A requirement whose first requests are not answered in time, and its recovery."""

    def __init__(self, folder: RunFolder, client: Client, late: int, workers: int = 2) -> None:
        self.client, self.late, self.calls = client, late, 0
        self.recovery = Recovery(folder, client, "canned", restartable=True, workers=workers)

    def ask(self) -> int:
        self.calls += 1
        body = {"model": "canned", "prompt": "a", "max_tokens": 1}
        deadline_s = 1e-6 if self.calls <= self.late else None
        return self.client.post("/completions", body, timeout_s=deadline_s).status

    def measured(self, *, alone: bool = False) -> int:
        return guarded(self.recovery, self.ask, alone=alone)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path)
    found.reset()
    return found


@pytest.fixture
def client() -> Iterator[Client]:
    with MisbehavingServer() as server, Client(server.base_url) as found:
        yield found


def test_what_is_late_beside_others_alone_is_no_fault(folder: RunFolder, client: Client) -> None:
    found = Late(folder, client, late=1)
    with pytest.raises(Inconclusive, match=r"No complete answer within 1e-06 s.*-n") as raised:
        found.measured()
    assert raised.value.cause == SLOW and found.calls == 2
    assert [each.response for each in client.exchanges] == [raised.value.actual]


def test_what_never_comes_is_missing(folder: RunFolder, client: Client) -> None:
    found = Late(folder, client, late=2)
    with pytest.raises(NoAnswer):
        found.measured()
    assert found.calls == 2


@pytest.mark.parametrize(("workers", "alone"), [(2, True), (1, False)])
def test_what_has_the_target_for_itself_is_asked_for_once(
    folder: RunFolder, client: Client, workers: int, alone: bool
) -> None:
    found = Late(folder, client, late=1, workers=workers)
    with pytest.raises(NoAnswer):
        found.measured(alone=alone)
    assert found.calls == 1


# A backend that hangs ----------------------------------------------------------------------------


class Frail:
    """A server that hangs for all from the first list of prompts on, and its recovery."""

    def __init__(self, folder: RunFolder) -> None:
        self.server = MisbehavingServer("hangs-on-lists")
        self.port = self.server.port
        self.server.__enter__()
        self.client = Client(self.server.base_url, timeout_s=1)
        self.recovery = Recovery(folder, self.client, "canned", restartable=True, workers=2)

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
        return guarded(self.recovery, act)


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
