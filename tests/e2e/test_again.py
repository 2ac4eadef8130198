"""A run that was stopped is finished by `--resume`; `--since-failed` repeats what fell short."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Ended, certify, command, environment

from conformance.report import certificate as report
from tests.misbehaving import MisbehavingServer

ROOT = Path(__file__).parents[2]
STOPPED_AFTER = 5
"""Results."""


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    with MisbehavingServer() as running:
        yield running


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A run that nobody stopped."""
    with MisbehavingServer() as running:
        return certify(tmp_path_factory.mktemp("whole"), "--base-url", running.base_url)


def stopped(folder: Path, server: MisbehavingServer, number: int) -> set[str]:
    """Stops a run by a signal after a few results; the ids of those it had."""
    words = command(folder, "--base-url", server.base_url)
    process = subprocess.Popen(words, env=environment(), stderr=subprocess.DEVNULL)
    results = folder / "run" / "results.jsonl"
    try:
        deadline = time.monotonic() + 60
        while not (results.is_file() and results.read_text().count("\n") >= STOPPED_AFTER):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        process.communicate(timeout=60)
    finally:
        process.kill()
    lines = results.read_text().splitlines()
    assert process.returncode != 0, f"{len(lines)} results, and it had ended by itself"
    return {json.loads(line)["id"] for line in lines}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "killed"])
def test_a_stopped_run_is_finished(
    tmp_path: Path, server: MisbehavingServer, whole: Ended, number: int
) -> None:
    before = stopped(tmp_path, server, number)
    ended = certify(tmp_path, "--base-url", server.base_url, "--resume")
    found = report.read(tmp_path / "certificate.json")
    assert ended.code == whole.code and found.complete, ended.out + ended.err
    assert ended.outcomes() == whole.outcomes()
    assert found.verdict == report.read(whole.report / "certificate.json").verdict
    (note,) = found.notes
    assert STOPPED_AFTER <= int(note.split()[1]) <= len(before)
    assert f"of {len(found.results)} requirements were measured" in note


def test_a_finished_run_is_only_judged_again(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pytest", "-q", "conformance/api/models"]
    with MisbehavingServer() as server:
        words += ["--base-url", server.base_url, "--report", str(tmp_path)]
        asked = []
        for more in ([], ["--resume"]):
            before = len(server.requests)
            done = subprocess.run(
                [*words, *more], cwd=ROOT, env=environment(), capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout
            asked.append(server.requests[before:])
    first, again = asked
    assert 0 < len(again) < len(first)
    assert again == first[: len(again)], "it is asked whether it answers and to what"
    assert again.count("/v1/models") == 1, "and nothing else"


def test_a_run_on_another_target_is_not_resumed(tmp_path: Path, server: MisbehavingServer) -> None:
    stopped(tmp_path, server, signal.SIGINT)
    with MisbehavingServer() as other:
        ended = certify(tmp_path, "--base-url", other.base_url, "--resume")
    assert ended.code == 2
    assert f"cannot be resumed: base url was '{server.base_url}'" in ended.err.replace("\n", " ")
    resumed = certify(tmp_path, "--base-url", server.base_url, "--resume")
    assert resumed.certificate["complete"], "the refusal lost nothing"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--resume"], "There is no run to take up in"),
        (["--since-failed"], "There is no run to take up in"),
        (["--resume", "--since-failed"], "Give one of --resume and --since-failed."),
    ],
)
def test_what_cannot_be_taken_up(tmp_path: Path, options: list[str], said: str) -> None:
    ended = certify(tmp_path, "--base-url", "http://127.0.0.1:9/v1", *options)
    assert (ended.code, said in ended.err) == (2, True), ended.err


def test_only_what_fell_short_is_repeated(tmp_path: Path) -> None:
    with MisbehavingServer("no-usage-chunk") as server:
        first = certify(tmp_path, "--base-url", server.base_url)
        outcomes = first.outcomes()
        short = {id for id, outcome in outcomes.items() if outcome in ("FAIL", "SILENT")}
        assert first.code == 1 and short
        again = certify(tmp_path, "--base-url", server.base_url, "--since-failed")
    assert again.code == 1 and not again.certificate["complete"]
    assert short <= set(again.outcomes()) and len(again.outcomes()) < len(outcomes) / 2

    with MisbehavingServer() as mended:
        third = certify(tmp_path, "--base-url", mended.base_url, "--since-failed")
    assert not third.certificate["verdict"]["certified"]
    assert {third.outcomes()[id] for id in short} == {"PASS"}, third.out


@pytest.mark.parametrize(
    "chosen",
    [
        ["conformance/api/models", "-k", "list", "-n2"],
        ["conformance/api/models", "--profile", "core"],
        ["conformance/api/models/test_models.py"],
    ],
)
def test_a_part_of_a_profile_is_no_certificate(tmp_path: Path, chosen: list[str]) -> None:
    words = [sys.executable, "-m", "pytest", "-q", *chosen, "--report", str(tmp_path)]
    with MisbehavingServer() as server:
        words += ["--base-url", server.base_url]
        done = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True)
    found = report.read(tmp_path / "certificate.json")
    assert (done.returncode, found.complete, found.verdict.certified) == (0, False, False)
    assert f"was measured; all {len(found.results)} hold now" in found.verdict.sentence
    assert 0 < len(found.results) < 20
