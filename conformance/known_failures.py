"""The known-failures file: departures that a backend's own repository has accepted, for now.

TOML, one table an entry; each names a requirement, a reason and a link to follow::

    [[known-failure]]
    id = "api/chat/n"
    reason = "One choice a request until the scheduler can fork."
    link = "https://github.com/example/backend/issues/12"

It is strict both ways: an entry whose requirement passes is a FAIL until the line is removed, and
an id that matches no requirement is an error.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.evidence import Result
from conformance.outcomes import Outcome

_KEYS = {"id", "reason", "link"}
_WAIVABLE = (Outcome.FAIL, Outcome.SILENT, Outcome.UNSUPPORTED)


class KnownFailuresError(Exception):
    """The file cannot be used; the message says which line of it and why, in one sentence."""


@dataclass(frozen=True)
class KnownFailure:
    """One accepted departure."""

    id: str
    reason: str
    link: str


@dataclass(frozen=True)
class KnownFailures:
    """The entries of one file, by requirement id."""

    path: Path
    sha256: str
    entries: dict[str, KnownFailure]

    @classmethod
    def read(cls, path: Path) -> KnownFailures:
        """Read and check a file.

        Raises:
            KnownFailuresError: it is missing, not TOML, or an entry is incomplete or repeated.
        """
        try:
            raw = path.read_bytes()
            data = tomllib.loads(raw.decode())
        except OSError as error:
            raise KnownFailuresError(
                f"The known-failures file {path} cannot be read: {error.strerror}."
            ) from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise KnownFailuresError(
                f"The known-failures file {path} is not TOML: {error}."
            ) from None
        if extra := set(data) - {"known-failure"}:
            raise KnownFailuresError(
                f"The known-failures file {path} has an unknown table {sorted(extra)[0]!r}; "
                "entries are [[known-failure]] tables."
            )
        entries: dict[str, KnownFailure] = {}
        for entry in _entries(path, data.get("known-failure", [])):
            if entry.id in entries:
                raise KnownFailuresError(f"{path} lists {entry.id!r} twice.")
            entries[entry.id] = entry
        return cls(path, hashlib.sha256(raw).hexdigest(), entries)

    def check_ids(self, known: Collection[str]) -> None:
        """Raise KnownFailuresError if an entry names a requirement that does not exist."""
        if unmatched := sorted(set(self.entries) - set(known)):
            names = ", ".join(map(repr, unmatched))
            raise KnownFailuresError(f"{self.path} lists {names}, which matches no requirement.")

    def apply(self, result: Result) -> Result:
        """`result` as it counts with this file: waived, or FAIL because it passes though listed."""
        entry = self.entries.get(result.id)
        if entry is None:
            return result
        if result.outcome in _WAIVABLE:
            return replace(
                result,
                outcome=Outcome.WAIVED,
                waived_outcome=result.outcome,
                waiver_reason=entry.reason,
                waiver_link=entry.link,
            )
        if result.outcome is Outcome.PASS:
            return replace(
                result,
                outcome=Outcome.FAIL,
                message=f"Listed as a known failure in {self.path.name}, and it passes: "
                "remove the entry.",
                cause="Known failures that pass",
                expected=f"a departure ({entry.reason})",
                actual="PASS",
            )
        return result


def _entries(path: Path, tables: object) -> Iterator[KnownFailure]:
    if not isinstance(tables, list):
        raise KnownFailuresError(f"{path}: entries are [[known-failure]] tables.")
    for number, table in enumerate(tables, 1):
        if not isinstance(table, dict) or set(table) != _KEYS:
            raise KnownFailuresError(
                f"{path}: entry {number} must have exactly id, reason and link."
            )
        if not all(isinstance(value, str) and value.strip() for value in table.values()):
            raise KnownFailuresError(f"{path}: entry {number} has an empty or non-text value.")
        yield KnownFailure(**table)
