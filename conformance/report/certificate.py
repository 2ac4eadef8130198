"""The certificate: all that one run has to say, as plain data that can be checked later.

A certificate is read by people who were not there. So it is checked when it is written and when
it is read, against its JSON Schema and against itself: a verdict that does not follow from the
results beside it is refused.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from conformance.evidence import Result
from conformance.outcomes import Outcome, Verdict, judge

SCHEMA_VERSION = 1


class CertificateError(Exception):
    """A certificate cannot be trusted; the message says why in one sentence."""


@dataclass(frozen=True)
class Target:
    """The server under test, and what it says of itself (`claims`)."""

    name: str
    base_url: str
    model: str
    backend: str | None = None
    backend_version: str | None = None
    tokenizer: str | None = None
    weights_sha256: str | None = None
    command: list[str] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    server_header: str | None = None


@dataclass(frozen=True)
class Control:
    """Production, as it came to the same requirements.

    `source` says where its outcomes come from (a URL, or the recorded certificate), `sha256` is
    the hash of that recorded file.
    """

    name: str
    source: str
    started: str
    sha256: str | None = None


@dataclass(frozen=True)
class Suite:
    """The Maccord that judged. `commit` and `dirty` are None outside a git checkout."""

    version: str
    commit: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True)
class Machine:
    """The machine that the run happened on."""

    os: str
    arch: str
    cpu: str
    cores: int
    memory_gib: float
    gpu: str | None
    python: str


@dataclass(frozen=True)
class KnownFailures:
    """The file of known failures that the run was told of."""

    file: str
    sha256: str
    entries: int


@dataclass(frozen=True)
class Served:
    """One of several models that a backend was started with.

    `measured` says whether its requirements were run; `reason` why they were not, in a sentence.
    """

    name: str
    measured: bool
    reason: str = ""
    weights_sha256: str | None = None
    phases: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Certificate:
    """One run. Times are ISO 8601 in UTC, durations seconds; `results` are kept sorted by id.

    `complete` says that every requirement of the profile was run. `control_outcomes` maps a
    requirement's id to what the control came to. `log_tail` is the end of the backend's log,
    kept when the run was void. `models` has an entry for each model, where there were several.
    `numerics` is what comparisons with production came to: see `conformance.report.numerics`.
    `footprints` is what a pool of keys and values took: see `conformance.report.footprints`.
    """

    verdict: Verdict
    complete: bool
    profile: str
    target: Target
    control: Control | None
    suite: Suite
    machine: Machine
    started: str
    finished: str
    duration_s: float
    phases: dict[str, float]
    workers: int
    expected_total: int
    results: list[Result]
    control_outcomes: dict[str, str] = field(default_factory=dict)
    known_failures: KnownFailures | None = None
    notes: list[str] = field(default_factory=list)
    log_tail: str | None = None
    models: list[Served] = field(default_factory=list)
    numerics: list[dict[str, Any]] = field(default_factory=list)
    footprints: list[dict[str, Any]] = field(default_factory=list)
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        # Workers finish in any order; two certificates of the same run have to compare.
        object.__setattr__(self, "results", sorted(self.results, key=lambda result: result.id))
        object.__setattr__(self, "numerics", sorted(self.numerics, key=_place))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Certificate:
        known = data["known_failures"]
        return cls(
            **{
                **data,
                "verdict": Verdict(**data["verdict"]),
                "target": Target(**data["target"]),
                "control": Control(**data["control"]) if data["control"] else None,
                "suite": Suite(**data["suite"]),
                "machine": Machine(**data["machine"]),
                "known_failures": KnownFailures(**known) if known else None,
                "results": [Result.from_json(result) for result in data["results"]],
                "models": [Served(**model) for model in data.get("models", [])],
            }
        )


def _place(comparison: dict[str, Any]) -> tuple[str, str, str]:
    return comparison["model"], comparison["scope"], comparison.get("way", "")


def with_control(
    certificate: Certificate, control: Certificate, source: str, *, sha256: str | None = None
) -> Certificate:
    """`certificate` with the control's outcomes beside the target's.

    What the control waived is shown as what it was: beside the target's departure, a reader has
    to see that production departs too.
    """
    ids = {result.id for result in certificate.results}
    return replace(
        certificate,
        control=Control(control.target.name, source, control.started, sha256),
        control_outcomes={
            result.id: (result.waived_outcome or result.outcome).value
            for result in control.results
            if result.id in ids
        },
    )


def write(certificate: Certificate, path: Path) -> None:
    """Write `certificate` to `path`, whole or not at all.

    Raises:
        CertificateError: the certificate does not match its schema or contradicts itself.
    """
    try:
        # ASCII, because a server's text may hold half a surrogate pair, which UTF-8 cannot.
        text = json.dumps(certificate.to_json(), indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CertificateError(f"{path} cannot be written as JSON: {error}.") from error
    _check(json.loads(text), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text + "\n")
        os.chmod(temporary, 0o644)  # mkstemp's 0600 would hide the file from whoever judges it
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read(path: Path) -> Certificate:
    """The certificate in `path`.

    Raises:
        CertificateError: it is missing, not JSON, does not match its schema, or its verdict does
            not follow from its results.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CertificateError(f"{path} is not JSON: it is not UTF-8 text.") from error
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CertificateError(f"{path} is not JSON: {error}.") from error
    return _check(data, str(path))


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) that every certificate matches."""
    text = files("conformance.report").joinpath("certificate.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def check_comparison(found: dict[str, Any]) -> None:
    """See that one entry of `numerics` is as the schema says, before a run depends on it.

    Raises:
        CertificateError: it is not.
    """
    wanted = {"$ref": "#/$defs/comparison", "$defs": schema()["$defs"]}
    _match(found, wanted, "a comparison with production cannot stand in a certificate")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _check(data: Any, where: str) -> Certificate:
    _match(data, schema(), f"{where} is not a certificate")
    certificate = Certificate.from_json(data)
    if contradiction := _contradiction(certificate):
        raise CertificateError(f"{where} contradicts itself: {contradiction}.")
    return certificate


def _match(data: Any, wanted: dict[str, Any], complaint: str) -> None:
    error = best_match(Draft202012Validator(wanted).iter_errors(data))
    if error is not None:
        found = error.message if len(error.message) <= 300 else f"{error.message[:300]}…"
        raise CertificateError(f"{complaint}: at {error.json_path}, {found}.")


def _contradiction(certificate: Certificate) -> str | None:
    """What in the certificate does not follow from its results, if anything."""
    try:
        backwards = datetime.fromisoformat(certificate.finished) < datetime.fromisoformat(
            certificate.started
        )
    except ValueError as error:
        return f"a time of it does not exist ({error})"
    if backwards:
        return "it finished before it started"
    results, stated = certificate.results, certificate.verdict
    derived = judge(
        [(result.level, result.outcome) for result in results],
        expected_total=certificate.expected_total,
    )
    again = [id for id, times in Counter(result.id for result in results).items() if times > 1]
    if again:
        return f"{again[0]} has more than one result"
    for compared in certificate.numerics:
        beyond = [each for each in compared["figures"] if each["value"] > each["limit"]]
        if beyond and compared["verdict"] == "inside":
            return f"its numerics call {compared['model']} inside, and {beyond[0]['name']} is not"
    for outcome in Outcome:
        said, found = stated.counts[outcome], derived.counts[outcome]
        if said != found:
            return f"its verdict counts {said} {outcome} and its results hold {found}"
    if certificate.complete and len(results) != certificate.expected_total:
        return (
            f"it says that it is complete and holds {len(results)} results of "
            f"{certificate.expected_total} requirements"
        )
    if stated.exit_code == 2 and not stated.certified:
        # A run can be void for a reason that no result shows: a server that never started.
        if not stated.sentence.startswith("Could not be judged"):
            return f"its exit code is 2 and its verdict says {stated.sentence!r}"
        return None
    if stated != derived:
        return (
            f"its verdict says {stated.sentence!r} (exit code {stated.exit_code}) and its "
            f"results come to {derived.sentence!r} (exit code {derived.exit_code})"
        )
    if stated.certified and not certificate.complete:
        return "it is certified and not complete"
    return None
