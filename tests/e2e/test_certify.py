"""`maccord certify` against servers that are right, wrong or not there: exit code and report."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import Ended, certify, command, environment

from conformance.report import certificate as report
from tests.misbehaving import MisbehavingServer

ROOT = Path(__file__).parents[2]
KEY = "sk-never-to-be-written-7Q"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A whole run against a server that is right, with an API key."""
    with MisbehavingServer(api_key=KEY) as server:
        folder = tmp_path_factory.mktemp("good")
        key = ("--api-key-env", "THE_KEY")
        return certify(folder, "--base-url", server.base_url, *key, workers=None, THE_KEY=KEY)


def departures(ended: Ended) -> dict[str, str]:
    return {id: outcome for id, outcome in ended.outcomes().items() if outcome != "PASS"}


def test_a_run_leaves_a_report_that_holds(good: Ended) -> None:
    assert set(departures(good).values()) <= {"INCONCLUSIVE", "UNSUPPORTED"}, good.out
    assert report.read(good.report / "certificate.json").complete
    assert (good.report / "report.html").stat().st_size > 10_000
    assert (good.report / "junit.xml").read_text().startswith("<?xml")
    assert "report.html" in good.out


def test_the_key_is_nowhere(good: Ended) -> None:
    files = [file for file in good.report.rglob("*") if file.is_file()]
    assert len(files) >= 5
    assert [file for file in files if KEY.encode() in file.read_bytes()] == []
    assert KEY not in good.out + good.err


def test_the_key_is_nowhere_even_if_the_server_says_it(tmp_path: Path) -> None:
    with MisbehavingServer("echoes-key", only="chat", api_key=KEY) as server:
        ended = certify(
            tmp_path, "--base-url", server.base_url, "--api-key-env", "THE_KEY", THE_KEY=KEY
        )
    assert len(ended.certificate["results"]) > 100
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert [file for file in files if KEY.encode() in file.read_bytes()] == []
    assert KEY not in ended.out + ended.err


def test_a_dead_url_is_said_at_once(tmp_path: Path) -> None:
    ended = certify(tmp_path, "--base-url", "http://127.0.0.1:9/v1")
    assert ended.code == 2
    assert ended.seconds < 5
    assert ended.err.strip() == "No server answers at http://127.0.0.1:9/v1 (connection refused)."
    assert ended.certificate["verdict"]["exit_code"] == 2


def test_an_older_certificate_does_not_outlive_a_run_without_a_target(
    good: Ended, tmp_path: Path
) -> None:
    (tmp_path / "certificate.json").write_bytes((good.report / "certificate.json").read_bytes())
    ended = certify(tmp_path, "--base-url", "http://127.0.0.1:9/v1")
    assert not ended.certificate["verdict"]["certified"]
    assert ended.certificate["results"] == []


@pytest.mark.parametrize(
    ("mode", "only", "sentence"),
    [
        ("hangs", "", "did not answer within 5 s"),
        ("hangs", "chat", "gives no answer to a one-token chat request within 2 s"),
        ("endless-body", "models", "more than 1 MiB"),
        ("html", "", "HTML page instead of JSON"),
        ("invalid-json", "models", "invalid JSON"),
        ("dies", "chat", "lost on its first request"),
    ],
)
def test_a_server_that_cannot_be_measured(
    tmp_path: Path, mode: str, only: str, sentence: str
) -> None:
    with MisbehavingServer(mode, only=only) as server:
        ended = certify(tmp_path, "--base-url", server.base_url, "--request-timeout", 1)
    assert ended.code == 2
    assert ended.seconds < 40
    assert sentence in ended.err and len(ended.err.strip().splitlines()) == 1
    assert sentence in ended.certificate["verdict"]["sentence"]


@pytest.mark.parametrize("mode", ["dies", "hangs"])
def test_a_server_that_is_lost_midway(tmp_path: Path, mode: str) -> None:
    """The run ends, says why, and keeps what it has measured."""
    with MisbehavingServer(mode, after=60) as server:
        ended = certify(tmp_path, "--base-url", server.base_url, "--request-timeout", 2)
    counts = ended.certificate["verdict"]["counts"]
    assert ended.code == 2
    assert ended.seconds < 100
    assert counts["PASS"] >= 10
    assert counts["ERROR"] >= 50
    assert sum(counts.values()) == ended.certificate["expected_total"]
    assert "answers" in ended.certificate["verdict"]["sentence"]


@pytest.mark.parametrize("mode", ["invalid-json", "invalid-utf8", "resets-midway", "endless-body"])
def test_answers_that_are_none_are_failures_of_the_server(tmp_path: Path, mode: str) -> None:
    with MisbehavingServer(mode, only="chat") as server:
        ended = certify(tmp_path, "--base-url", server.base_url)
    counts = ended.certificate["verdict"]["counts"]
    assert ended.code == 1, ended.out
    assert counts["ERROR"] == 0
    assert counts["FAIL"] >= 50
    assert counts["PASS"] >= 20


def test_a_listed_departure_is_waived(tmp_path: Path) -> None:
    with MisbehavingServer("ignores-n") as server:
        first = certify(tmp_path / "first", "--base-url", server.base_url)
        listed = [i for i, o in departures(first).items() if o in ("FAIL", "SILENT")]
        assert "api/chat/n" in listed
        known = known_failures(tmp_path, *listed)
        second = certify(
            tmp_path / "second", "--base-url", server.base_url, "--known-failures", known
        )
    assert {id for id, o in second.outcomes().items() if o == "WAIVED"} == set(listed)
    assert second.certificate["known_failures"]["entries"] == len(listed)


def test_a_listed_requirement_that_passes_fails(tmp_path: Path) -> None:
    known = known_failures(tmp_path, "api/chat/n")
    with MisbehavingServer() as server:
        ended = certify(tmp_path, "--base-url", server.base_url, "--known-failures", known)
    assert ended.outcomes()["api/chat/n"] == "FAIL"
    assert "it passes: remove the entry" in ended.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--backend", "nonesuch"], "No backend is called 'nonesuch'"),
        (["--base-url", "http://127.0.0.1:9", "--backend", "mlx-lm"], "Give one of --base-url"),
        (["--backend", "mlx-lm", "--model", "nonesuch"], "There is no model 'nonesuch'"),
        (["--base-url", "http://127.0.0.1:9", "--profile", "cores"], "no profile 'cores'"),
        (["--base-url", "localhost:8000"], "is not a base URL"),
        (["--base-url", "http://127.0.0.1:9", "--api-key-env", "NOT_SET"], "NOT_SET is not set"),
        (["--base-url", "http://127.0.0.1:9", "--control", "none.json"], "cannot be read"),
        (["--base-url", "http://127.0.0.1:9", "--known-failures", "none.toml"], "cannot be read"),
    ],
)
def test_bad_usage_is_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    ended = certify(tmp_path, *arguments)
    assert ended.code == 2
    assert sentence in ended.err and "Traceback" not in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_a_report_folder_that_cannot_be_is_said_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = certify(tmp_path / "file", "--base-url", "http://127.0.0.1:9/v1")
    assert ended.code == 2
    assert ended.err.startswith("No report can be written to") and "Traceback" not in ended.err


def test_an_id_that_matches_no_requirement_is_refused_before_the_run(tmp_path: Path) -> None:
    known = known_failures(tmp_path, "api/chat/nonesuch")
    ended = certify(tmp_path, "--base-url", "http://127.0.0.1:9", "--known-failures", known)
    assert ended.code == 2
    assert "'api/chat/nonesuch', which matches no requirement" in ended.err


def test_a_recorded_control_stands_beside_the_target(good: Ended, tmp_path: Path) -> None:
    with MisbehavingServer("ignores-n") as server:
        control = good.report / "certificate.json"
        ended = certify(tmp_path, "--base-url", server.base_url, "--control", control)
    certificate = report.read(tmp_path / "certificate.json")
    assert certificate.control is not None and certificate.control.sha256
    assert ended.outcomes()["api/chat/n"] == "SILENT"
    assert certificate.control_outcomes["api/chat/n"] == "PASS"


def test_production_as_shipped_stands_beside_the_target_by_default(good: Ended) -> None:
    control = good.certificate["control"]
    assert control["name"] == "vllm-cuda"
    assert control["source"] == "vllm-0.26.0-cuda.json, shipped with Maccord"
    assert good.certificate["control_outcomes"]["api/chat/n"] == "PASS"


def test_a_live_control_is_measured_too(tmp_path: Path) -> None:
    with MisbehavingServer("ignores-n") as target, MisbehavingServer() as production:
        certify(tmp_path, "--base-url", target.base_url, "--control", production.base_url)
    certificate = report.read(tmp_path / "certificate.json")
    assert certificate.control is not None and certificate.control.source == production.base_url
    assert certificate.control_outcomes["api/chat/n"] == "PASS"
    assert len(certificate.control_outcomes) == certificate.expected_total


def test_a_control_that_is_not_there_costs_nothing(tmp_path: Path) -> None:
    with MisbehavingServer() as server:
        dead = "http://127.0.0.1:9/v1"
        ended = certify(tmp_path, "--base-url", server.base_url, "--control", dead)
    certificate = report.read(tmp_path / "certificate.json")
    assert certificate.control is None
    assert certificate.verdict.counts["PASS"] > 100
    (note,) = certificate.notes
    assert "could not be measured" in note and "connection refused" in note
    assert note in ended.out.replace("\n", " ").replace("  ", " ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_run_keeps_what_it_has(tmp_path: Path, number: int) -> None:
    with MisbehavingServer("drips-body", only="/v1/completions") as server:
        words = command(tmp_path, "--base-url", server.base_url)
        process = subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE, text=True)
        try:
            results = tmp_path / "run" / "results.jsonl"
            deadline = time.monotonic() + 60
            while not (results.is_file() and results.read_text().count("\n") >= 5):
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.05)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    certificate = report.read(tmp_path / "certificate.json")
    assert process.returncode == 2, err
    assert not certificate.complete
    assert "interrupted" in certificate.verdict.sentence
    assert sum(result.outcome == "PASS" for result in certificate.results) >= 1
    assert "Traceback" not in err


IN_A_FINALIZER = """
import signal
from conformance import cli
from conformance.run import RunFolder

record = RunFolder.record

class Collected:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

def recorded(folder, result):
    record(folder, result)
    Collected()

RunFolder.record = recorded
cli.main()
"""


def test_an_interruption_that_python_drops_ends_the_run_too(tmp_path: Path) -> None:
    """Seen while garbage was collected: what a callback raises there is printed and forgotten."""
    with MisbehavingServer() as server:
        words = command(tmp_path, "--base-url", server.base_url)
        words[1:3] = ["-c", IN_A_FINALIZER]
        done = subprocess.run(
            words, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 2, done.stderr
    assert "interrupted" in report.read(tmp_path / "certificate.json").verdict.sentence
    assert len(report.read(tmp_path / "certificate.json").results) > 100
    assert (tmp_path / "run" / "results.jsonl").read_text().count("\n") == 1


def test_plain_pytest_does_the_same(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-n", "2", "conformance/api/models"]
    with MisbehavingServer() as server:
        words += ["--base-url", server.base_url, "--report", str(tmp_path)]
        done = subprocess.run(
            words, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 0, done.stdout
    certificate = report.read(tmp_path / "certificate.json")
    assert certificate.workers == 2
    assert {result.id.split("/")[1] for result in certificate.results} == {"models"}


def test_plain_pytest_says_in_one_line_that_there_is_no_server() -> None:
    words = [sys.executable, "-m", "pytest", "-q", "conformance/api/models"]
    words += ["--base-url", "http://127.0.0.1:9/v1"]
    done = subprocess.run(
        words, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "No server answers at http://127.0.0.1:9/v1" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def known_failures(folder: Path, *ids: str) -> Path:
    file = folder / "known.toml"
    entry = '[[known-failure]]\nid = "{}"\nreason = "for a test"\nlink = "https://example.org"\n'
    file.write_text("".join(entry.format(id) for id in ids))
    return file
