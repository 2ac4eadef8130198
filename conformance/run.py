"""One run's shared state: a folder that the controller and all xdist workers see.

Everything that must outlive a process lies in files there: each result is appended as it comes,
so that an interrupted run loses nothing; the news that the target is lost reaches every worker;
and a lock lets a requirement that needs the target for itself wait until it is alone.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from conformance.evidence import Result
from conformance.judging import result
from conformance.outcomes import SuiteError
from conformance.report.certificate import check_comparison
from conformance.requirements import Requirement

BEYOND = 1e9
"""Nats that stand for a difference without end, which JSON cannot say: a token that production
holds for likely and the target for impossible."""


ABOUT = "about.json"
"""The file that says what a run is on."""


@dataclass(frozen=True)
class Planned:
    """A requirement of the run and the pytest node that measures it."""

    nodeid: str
    requirement: Requirement

    @property
    def id(self) -> str:
        return self.requirement.id

    def unmeasured(self, reason: str) -> Result:
        """The ERROR of a requirement that was never measured."""
        cause = "Requirements that were not measured"
        return result(self.requirement, SuiteError(reason, cause=cause))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Planned:
        return cls(data["nodeid"], Requirement.from_json(data["requirement"]))


@dataclass(frozen=True)
class RunFolder:
    """The files of one run, below `path`."""

    path: Path

    @property
    def results_file(self) -> Path:
        return self.path / "results.jsonl"

    def reset(self) -> None:
        """Make the folder ready for a new run; results of an earlier one are removed."""
        self.settle()
        stale = (
            self.results_file, self._parities, self._footprints, self._planned, self._about,
            self._part,
            *self.path.glob("shared-*"),
        )  # fmt: skip
        for file in stale:
            file.unlink(missing_ok=True)

    def settle(self) -> None:
        """Remove what was true of an earlier session only; its results stay."""
        self.path.mkdir(parents=True, exist_ok=True)
        for file in (self._lost, self._restarts, self._restart_wanted, self._only):
            file.unlink(missing_ok=True)

    def set_about(self, began: str, subject: dict[str, Any]) -> None:
        """Note when a run began and what it is on, before anything is measured."""
        self._about.write_text(json.dumps({"began": began, "subject": subject}))

    def about(self) -> dict[str, Any] | None:
        """What `set_about` noted; None where there was no run."""
        noted: dict[str, Any] | None = None
        with suppress(OSError, ValueError):
            noted = json.loads(self._about.read_text())
        return noted

    def keep(self, results: Iterable[Result]) -> None:
        """Leave only these of the results; a run that is stopped meanwhile has all or these."""
        fresh = self.results_file.with_suffix(".new")
        fresh.write_text("".join(f"{json.dumps(found.to_json())}\n" for found in results))
        fresh.replace(self.results_file)

    def set_only(self, ids: Collection[str]) -> None:
        """Note the requirements to which this session is confined."""
        self._only.write_text(json.dumps(sorted(ids)))

    def only(self) -> frozenset[str] | None:
        """The requirements to which this session is confined; None for all."""
        if not self._only.is_file():
            return None
        return frozenset(json.loads(self._only.read_text()))

    def record(self, result: Result) -> None:
        """Append one result, flushed to the file at once."""
        with self.results_file.open("a") as file:
            file.write(json.dumps(result.to_json()) + "\n")

    def results(self) -> list[Result]:
        """Every result recorded so far; a line cut short by a crash is left out."""
        return [Result.from_json(line) for line in _json_lines(self.results_file)]

    def record_parity(self, found: dict[str, Any]) -> None:
        """Append what a comparison with production came to, from any of the run's processes.

        Args:
            found: `Parity.to_json()` with "scope" and what belongs to it, as `comparison` in the
                certificate's JSON Schema.

        Raises:
            CertificateError: it is not as the schema says.
        """
        plain = json.loads(json.dumps(found), parse_constant=lambda name: BEYOND)
        check_comparison(plain)
        line = f"{json.dumps(plain)}\n".encode()
        with self._parities.open("ab", buffering=0) as file:
            file.write(line)  # at once: several workers append, and their lines must not mix

    def parities(self) -> list[dict[str, Any]]:
        """Every comparison recorded so far; a line cut short by a crash is left out.

        One that a resumed run came to once more stands once.
        """
        found = _json_lines(self._parities)
        return [each for number, each in enumerate(found) if each not in found[:number]]

    def record_footprint(self, found: dict[str, Any]) -> None:
        """Append what sequences cost in a pool: `footprint` in the certificate's schema."""
        with self._footprints.open("a") as file:
            file.write(json.dumps(found) + "\n")

    def footprints(self) -> list[dict[str, Any]]:
        """Every footprint recorded so far."""
        return _json_lines(self._footprints)

    def shared(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What the first process that asks makes, and all others read.

        Whatever `make` raises is raised, and the next process tries again.
        """
        file = self.path / f"shared-{name}.json"
        with FileLock(self.path / f"shared-{name}.lock"):
            if not file.is_file():
                made = json.dumps(make())
                fresh = file.with_suffix(".new")
                fresh.write_text(made)
                fresh.replace(file)
            found: dict[str, Any] = json.loads(file.read_text())
            return found

    def set_planned(self, planned: list[Planned]) -> None:
        """Note the requirements of the run before the first is measured."""
        self._planned.write_text(json.dumps([asdict(each) for each in planned]))

    def planned(self) -> list[Planned]:
        """Every requirement of the run."""
        if not self._planned.is_file():
            return []
        return [Planned.from_json(each) for each in json.loads(self._planned.read_text())]

    def set_part(self, part: str) -> None:
        """Note, in words, the part of the profile to which this run is confined."""
        self._part.write_text(part)

    def part(self) -> str | None:
        """The part of the profile to which this run is confined; None for the whole."""
        return self._part.read_text() if self._part.is_file() else None

    def set_lost(self, reason: str) -> None:
        """Tell every worker that the target answers nothing any more. The first reason stays."""
        with suppress(FileExistsError), self._lost.open("x") as file:
            file.write(reason)

    def lost(self) -> str | None:
        """Why the target is lost, or None."""
        return self._lost.read_text() if self._lost.is_file() else None

    def want_restart(self, id: str) -> None:
        """Ask the controller to start the backend again, and note after which requirement."""
        with self._restarts.open("a") as file:
            file.write(f"{id}\n")
        self._restart_wanted.touch()

    def restart_wanted(self) -> bool:
        """Whether a worker waits for a restart."""
        return self._restart_wanted.exists()

    def restart_done(self) -> None:
        """Let the worker that wanted a restart go on."""
        self._restart_wanted.unlink(missing_ok=True)

    def restarts(self) -> list[str]:
        """The requirement after which each restart was needed."""
        return self._restarts.read_text().splitlines() if self._restarts.is_file() else []

    @contextmanager
    def in_flight(self, *, alone: bool) -> Iterator[None]:
        """Hold the run's lock: shared, or for itself."""
        with (self.path / "in-flight.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield

    @property
    def _parities(self) -> Path:
        return self.path / "parity.jsonl"

    @property
    def _footprints(self) -> Path:
        return self.path / "footprints.jsonl"

    @property
    def _lost(self) -> Path:
        return self.path / "target-lost"

    @property
    def _restarts(self) -> Path:
        return self.path / "restarts"

    @property
    def _restart_wanted(self) -> Path:
        return self.path / "restart-wanted"

    @property
    def _planned(self) -> Path:
        return self.path / "planned.json"

    @property
    def _part(self) -> Path:
        return self.path / "part"

    @property
    def _about(self) -> Path:
        return self.path / ABOUT

    @property
    def _only(self) -> Path:
        return self.path / "only.json"


def _json_lines(file: Path) -> list[dict[str, Any]]:
    """The objects of a file, one a line; a line cut short by a crash is left out."""
    if not file.is_file():
        return []
    found = []
    for line in file.read_bytes().splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found
