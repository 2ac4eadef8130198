"""The known-failures file: strict both ways, and readable when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.evidence import Result
from conformance.known_failures import KnownFailures, KnownFailuresError
from conformance.outcomes import Level, Outcome

ENTRY = """
[[known-failure]]
id = "api/chat/n"
reason = "one choice a request"
link = "https://example.org/12"
"""


def result(outcome: Outcome, id: str = "api/chat/n") -> Result:
    return Result(id, Level.MUST, "It MUST.", "", "", ["core"], outcome)


def read(folder: Path, text: str | bytes) -> KnownFailures:
    file = folder / "known.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return KnownFailures.read(file)


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.SILENT, Outcome.UNSUPPORTED])
def test_a_listed_departure_is_waived_and_keeps_what_it_was(
    tmp_path: Path, outcome: Outcome
) -> None:
    waived = read(tmp_path, ENTRY).apply(result(outcome))
    assert waived.outcome is Outcome.WAIVED
    assert waived.waived_outcome is outcome
    assert waived.waiver_reason == "one choice a request"
    assert waived.waiver_link == "https://example.org/12"


def test_a_listed_requirement_that_passes_is_a_failure(tmp_path: Path) -> None:
    judged = read(tmp_path, ENTRY).apply(result(Outcome.PASS))
    assert judged.outcome is Outcome.FAIL
    assert "remove the entry" in judged.message


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.INCONCLUSIVE])
def test_what_is_no_departure_is_not_waived(tmp_path: Path, outcome: Outcome) -> None:
    assert read(tmp_path, ENTRY).apply(result(outcome)).outcome is outcome


def test_what_is_not_listed_stays(tmp_path: Path) -> None:
    other = result(Outcome.FAIL, "api/chat/seed")
    assert read(tmp_path, ENTRY).apply(other) == other


def test_an_id_that_matches_nothing_is_an_error(tmp_path: Path) -> None:
    known = read(tmp_path, ENTRY)
    known.check_ids(["api/chat/n", "api/chat/seed"])
    with pytest.raises(KnownFailuresError, match=r"'api/chat/n'.*matches no requirement"):
        known.check_ids(["api/chat/seed"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ENTRY + ENTRY, "twice"),
        ("[[known-failure]]\nid = 'a/b/c'\nreason = 'x'", "exactly id, reason and link"),
        (ENTRY + "until = 2027-01-01", "exactly id, reason and link"),
        (ENTRY.replace("one choice a request", " "), "empty"),
        (ENTRY.replace('"api/chat/n"', "7"), "non-text"),
        ("known-failure = 3", "tables"),
        ("[waivers]\n", "unknown table 'waivers'"),
        ("id = ", "not TOML"),
        (b"\xff\xfe", "not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    tmp_path: Path, text: str | bytes, complaint: str
) -> None:
    with pytest.raises(KnownFailuresError, match=complaint):
        read(tmp_path, text)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(KnownFailuresError, match="cannot be read: No such file"):
        KnownFailures.read(tmp_path / "none.toml")


def test_an_empty_file_waives_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "").entries == {}
