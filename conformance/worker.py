"""What each process that runs requirements holds: the target, the run's folder, the client."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path

from conformance.kinds import Target, kind_named, kind_of
from conformance.known_failures import KnownFailures
from conformance.options import Options
from conformance.outcomes import SuiteError
from conformance.run import RunFolder
from conformance.targets.client import Client
from conformance.targets.server import ServerTarget, short_name


class WorkerState:
    """What each process that runs requirements holds: the target, the folder, the client."""

    def __init__(
        self,
        target: Target,
        folder: RunFolder,
        options: Options,
        deadline: float,
        *,
        serves: bool,
    ) -> None:
        self.serves = serves
        self.target, self.folder, self.options, self.deadline = target, folder, options, deadline
        self.known_failures = (
            KnownFailures.read(options.known_failures) if options.known_failures else None
        )
        self._stack = ExitStack()
        self._client: Client | None = None

    @property
    def model(self) -> str:
        """What a person calls the served model."""
        return short_name(self.options.model or self.server.model)

    @property
    def server(self) -> ServerTarget:
        """The target. Raises SuiteError where it is no server."""
        if not isinstance(self.target, ServerTarget):
            raise SuiteError(f"{self.target.name} is a {kind_of(self.target).name}, not a server")
        return self.target

    @property
    def client(self) -> Client:
        if self._client is None:
            client = Client(
                self.server.base_url,
                api_key=self.options.api_key(),
                timeout_s=self.options.request_timeout_s,
            )
            self._client = self._stack.enter_context(client)
        return self._client

    def close(self) -> None:
        self._stack.close()

    def check_ready(self) -> None:
        """Raise SuiteError if nothing can be measured any more."""
        if reason := self.folder.lost():
            raise SuiteError(f"Not measured: {reason}", cause="The target stopped answering")
        if time.time() > self.deadline:
            raise SuiteError(
                f"Not measured: the run's deadline of {self.options.run_deadline_s:g} s passed",
                cause="The run's deadline passed",
            )

    def to_json(self) -> str:
        return json.dumps(
            {
                "kind": kind_of(self.target).name,
                "target": self.target.to_json(),
                "folder": str(self.folder.path),
                "options": self.options.to_json(),
                "deadline": self.deadline,
                "serves": self.serves,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> WorkerState:
        data = json.loads(text)
        return cls(
            kind_named(data["kind"]).target.from_json(data["target"]),
            RunFolder(Path(data["folder"])),
            Options.from_json(data["options"]),
            data["deadline"],
            serves=data["serves"],
        )
