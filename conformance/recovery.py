"""When a request leaves the server unable to serve: find which, restart, and go on.

A server that is broken by one request would fail every requirement after it, and the one that
matters would drown. So after each requirement that falls short the target is asked for one token.
If it no longer gives it, a backend that Maccord started is started again, and the requirement is
measured once more with the target for itself: it is to blame if the server breaks again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from conformance.outcomes import Failed, SuiteError
from conformance.run import RunFolder
from conformance.targets.client import Client, TransportFailure
from conformance.targets.errors import TargetError
from conformance.targets.warm_up import ask_one_token

RESTART_TIMEOUT_S = 600.0
_POLL_S = 0.1


def serves(client: Client, model: str) -> bool:
    """Whether the target still answers a one-token chat request with 200."""
    with suppress(TransportFailure):
        return ask_one_token(client, model, client.timeout_s).status == 200
    return False


class Keeper:
    """Restarts the backend when a worker wants that; runs beside the controller.

    The worker holds the run's lock for itself meanwhile, so no request is in flight.
    """

    def __init__(self, folder: RunFolder, restart: Callable[[], None]) -> None:
        self._folder, self._restart = folder, restart
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._over.wait(_POLL_S):
            if self._folder.restart_wanted():
                try:
                    self._restart()
                except TargetError as error:
                    self._folder.set_lost(f"it could not be started again: {error}")
                self._folder.restart_done()


class Recovery:
    """Measures a requirement on a target that it may break.

    Args:
        restartable: Maccord started the backend and can start it again.
    """

    def __init__(self, folder: RunFolder, client: Client, model: str, *, restartable: bool) -> None:
        self._folder, self._client, self._model = folder, client, model
        self._restartable = restartable

    def guarded(
        self, id: str, *, alone: bool, check_ready: Callable[[], None], again: Callable[[], Any]
    ) -> Generator[None, Any, Any]:
        """A pytest wrapper around the call of a requirement's test function.

        Args:
            again: calls the function once more.
        """
        with self._folder.in_flight(alone=alone):
            check_ready()
            try:
                return (yield)
            except Exception as raised:
                if self._serves():
                    raise
                broken = raised
        with self._folder.in_flight(alone=True):
            check_ready()
            if not self._serves():
                self._restart(id, broken)
            self._client.exchanges.clear()
            try:
                return again()
            except Exception as raised:
                if self._serves():
                    raise
                self._restart(id, raised)
                raise Failed(
                    "This request leaves the server unable to answer any other",
                    expected="the server goes on serving, whatever one client sends",
                    actual=f"a valid request is no longer answered with 200; first: {raised}",
                    cause="One client's request ends the service for all",
                ) from raised

    def _serves(self) -> bool:
        """As `serves`, and not part of the requirement's evidence."""
        kept = list(self._client.exchanges)
        try:
            return serves(self._client, self._model)
        finally:
            self._client.exchanges[:] = kept

    def _restart(self, id: str, broken: Exception) -> None:
        if not self._restartable:
            reason = f"the target answers no valid request any more since {id}"
            self._folder.set_lost(reason)
            raise Failed(
                "The server answers no valid request any more, since this request or one beside it",
                actual=str(broken),
                cause="One client's request ends the service for all",
            ) from broken
        self._folder.want_restart(id)
        deadline = time.monotonic() + RESTART_TIMEOUT_S
        while self._folder.restart_wanted() and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if (lost := self._folder.lost()) is not None:
            raise SuiteError(f"Not measured: {lost}", cause="The target stopped answering")
