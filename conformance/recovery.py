"""When a request leaves the server unable to serve: find which, restart, and go on.

A server that is broken by one request would fail every requirement after it, and the one that
matters would drown. So after each requirement that falls short the target is asked for one token,
or for the least that its task has. If it no longer gives it, a backend that Maccord started is
started again, and the requirement is measured once more with the target for itself: it is to blame
if the server breaks again.

An answer that does not come in time says of a busy machine no more than that it is busy. It is
asked for once more with the target for itself: only then is it missing. What needs many clients at
once is measured alone in the first place, and a request that gets lost among them is a FAIL there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Any

from conformance.evidence import clip
from conformance.outcomes import Failed, Inconclusive, SuiteError
from conformance.run import RunFolder
from conformance.targets.client import Client, NoAnswer, TransportFailure
from conformance.targets.errors import TargetError
from conformance.targets.tasks import ask_least
from fixtures.models.tasks.words import TEXT

CAUSE = "One client's request ends the service for all"
SLOW = "Slower than a request may be, with others beside it"
RESTART_TIMEOUT_S = 600.0
BUSY = frozenset({429, 503})
BUSY_TRIES, BUSY_PAUSE_S = 4, 2.0
_POLL_S = 0.1


def trouble(client: Client, model: str, task: str = TEXT) -> str | None:
    """Why the target does not answer the least request for its task with 200; None if it does.

    A server that says it is busy gets a few seconds.
    """
    for _ in range(BUSY_TRIES):
        try:
            response = ask_least(client, model, task, client.timeout_s)
        except TransportFailure as failure:
            return str(failure)
        if response.status == 200:
            return None
        if response.status not in BUSY:
            break
        time.sleep(BUSY_PAUSE_S)
    return f"it answers {response.status}: {clip(response.exchange.response, 200)[0]}"


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
        task: what the target does with the model.
        restartable: Maccord started the backend and can start it again.
        workers: how many requirements may be measured at once.
    """

    def __init__(
        self,
        folder: RunFolder,
        client: Client,
        model: str,
        *,
        task: str = TEXT,
        restartable: bool,
        workers: int,
    ) -> None:
        self._folder, self._client, self._model, self._task = folder, client, model, task
        self._restartable, self._crowded = restartable, workers > 1

    def guarded(
        self, id: str, *, alone: bool, check_ready: Callable[[], None], again: Callable[[], Any]
    ) -> Generator[None, Any, Any]:
        """A pytest wrapper around the call of a requirement's test function.

        Args:
            again: calls the function once more.
        """
        beside, late = self._crowded and not alone, None
        with self._folder.in_flight(alone=alone):
            check_ready()
            try:
                return (yield)
            except Exception as raised:
                if self._trouble() is None:
                    if not (beside and isinstance(raised, NoAnswer)):
                        raise
                    late = raised
        with self._folder.in_flight(alone=True):
            check_ready()
            # Another worker may have seen to it meanwhile.
            if (trouble := self._trouble()) is not None:
                self._restart(id, trouble)
            self._client.exchanges.clear()
            try:
                found = again()
            except Exception as raised:
                if (trouble := self._trouble()) is None:
                    raise
                self._restart(id, trouble)
                raise Failed(
                    "This request leaves the server unable to answer any other",
                    expected="the server goes on serving, whatever one client sends",
                    actual=f"to a valid request afterwards: {trouble}",
                    cause=CAUSE,
                ) from raised
            if late is None:
                return found
            self._client.exchanges[:] = [late.exchange]
            raise Inconclusive(
                f"{late} beside other requests, and the requirement holds without these: fewer at "
                "once (-n), a longer --request-timeout or a machine with nothing else to do would "
                "decide",
                actual=late.exchange.response,
                cause=SLOW,
            )

    def _trouble(self) -> str | None:
        """As `trouble`, and not part of the requirement's evidence."""
        kept = list(self._client.exchanges)
        try:
            return trouble(self._client, self._model, self._task)
        finally:
            self._client.exchanges[:] = kept

    def _restart(self, id: str, trouble: str) -> None:
        if not self._restartable:
            self._folder.set_lost(
                f"the target answers no valid request any more since {id} ({trouble})"
            )
            raise Failed(
                "The server answers no valid request any more, since this request or one beside it",
                expected="200",
                actual=trouble,
                cause=CAUSE,
            )
        self._folder.want_restart(id)
        deadline = time.monotonic() + RESTART_TIMEOUT_S
        while self._folder.restart_wanted() and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if (lost := self._folder.lost()) is not None:
            raise SuiteError(f"Not measured: {lost}", cause="The target stopped answering")
