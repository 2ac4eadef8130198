"""A started backend that one request ends: named, started again, and the rest is still measured."""

from __future__ import annotations

from pathlib import Path

from command import Ended, certify, misbehaving


def run(folder: Path, *arguments: str) -> Ended:
    backend = misbehaving(folder / "frail.toml", *arguments)
    return certify(folder / "report", *backend, timeout_s=300)


def test_the_request_that_ends_a_backend_is_named_and_the_rest_is_measured(tmp_path: Path) -> None:
    ended = run(tmp_path, "--mode", "dies-on-lists")
    blamed = {
        result["id"]
        for result in ended.certificate["results"]
        if result["cause"] == "One client's request ends the service for all"
    }
    assert ended.code == 1, ended.out
    assert "api/completions/prompt-list" in blamed
    assert all(id.startswith("api/completions/") for id in blamed), blamed
    assert list(ended.outcomes().values()).count("PASS") > 100
    (note,) = ended.certificate["notes"]
    assert "started again" in note
