"""`maccord certify --profile numerics`: a backend with several models, and one certificate."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import ROOT, Ended, certify, command, environment, misbehaving

from conformance.report import certificate as report

EXITS = '["--no-such-option"]'
REFUSES = '["--mode", "error-500", "--only", "completions"]'
HANGS = '["--mode", "hangs"]'


def recipe(folder: Path, ready_timeout_s: float = 30, **models: str) -> list[object]:
    """A backend that is right with every model but those, for which it gets other arguments."""
    tables = "".join(
        f'[start.models."{name.replace("_", "-")}"]\narguments = {arguments}\n'
        for name, arguments in models.items()
    )
    backend = misbehaving(folder / "toy.toml", ready_timeout_s=ready_timeout_s, models=tables)
    return [*backend, "--profile", "numerics"]


def of(ended: Ended, outcome: str) -> set[str]:
    return {id for id, found in ended.outcomes().items() if found == outcome}


def models(*names: str) -> list[str]:
    return [word for name in names for word in ("--model", name)]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Three models: one is served, one ends the backend, one leaves it unable to answer."""
    folder = tmp_path_factory.mktemp("three")
    backend = recipe(folder, llama_gqa=EXITS, qwen2_bias=REFUSES)
    asked = models("llama-gqa", "scripted", "qwen2-bias")
    return certify(folder / "report", *backend, *asked, timeout_s=300)


def test_one_certificate_covers_them_and_says_which(three: Ended) -> None:
    certificate = report.read(three.report / "certificate.json")
    assert [(each.name, each.measured) for each in certificate.models] == [
        ("scripted", True),
        ("llama-gqa", False),
        ("qwen2-bias", False),
    ]
    assert certificate.expected_total == len(certificate.results)
    assert certificate.complete
    notes = " ".join(certificate.notes)
    assert "covers 1 of 17 models: scripted." in notes
    assert "did not serve them: llama-gqa, qwen2-bias." in notes
    assert "scripted (1 of 3): certifying toy" in three.err
    assert not list((three.report / "run" / "scripted").glob("certificate.json"))


def test_what_is_not_served_is_not_measured_and_no_error(three: Ended) -> None:
    unserved = {f"numerics/model/served[{name}]" for name in ("llama-gqa", "qwen2-bias")}
    assert of(three, "UNSUPPORTED") >= unserved
    assert of(three, "ERROR") == set()
    others = [id for id in three.outcomes() if "scripted" not in id]
    assert set(others) == unserved
    assert three.outcomes()["numerics/model/served[scripted]"] == "PASS"
    results = {each["id"]: each for each in three.certificate["results"]}
    exited = results["numerics/model/served[llama-gqa]"]
    assert "toy stopped while it was starting (exit code 2)" in exited["message"]
    assert "--no-such-option" in exited["actual"], "the end of the log is the evidence"
    refuses = results["numerics/model/served[qwen2-bias]"]
    assert "answers 500 to a request for one token" in refuses["message"]


def test_the_control_is_production_on_file(three: Ended) -> None:
    control = three.certificate["control"]
    assert control["name"].startswith("vLLM ") and "H100" in control["name"]
    assert three.certificate["control_outcomes"] == {}


def test_seconds_are_summed_over_the_models(three: Ended) -> None:
    certificate = three.certificate
    phases = [each["phases"] for each in certificate["models"]]
    assert certificate["phases"]["start"] == pytest.approx(
        sum(phase["start"] for phase in phases), abs=0.2
    )
    assert certificate["phases"]["requests"] == phases[0]["requests"]
    assert sum(certificate["phases"].values()) <= certificate["duration_s"] + 0.5


def test_without_a_basic_model_nothing_is_certified(tmp_path: Path) -> None:
    backend = recipe(tmp_path, scripted=EXITS)
    ended = certify(tmp_path / "report", *backend, *models("scripted", "llama-gqa"))
    assert ended.code == 2
    assert "the backend does not serve scripted." in ended.certificate["verdict"]["sentence"]
    assert ended.outcomes()["numerics/model/served[llama-gqa]"] == "PASS"


def test_a_backend_that_is_not_ready_in_time_is_undecided(tmp_path: Path) -> None:
    backend = recipe(tmp_path, ready_timeout_s=4, llama_gqa=HANGS)
    ended = certify(tmp_path / "report", *backend, *models("scripted", "llama-gqa"))
    assert ended.outcomes()["numerics/model/served[llama-gqa]"] == "INCONCLUSIVE"
    assert "was not ready after 4 s" in ended.out.replace("\n", " ")


def test_a_model_that_is_not_served_can_be_waived(tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    entry = '[[known-failure]]\nid = "{}"\nreason = "for a test"\nlink = "https://example.org"\n'
    ids = ("numerics/model/served[llama-gqa]", "numerics/model/served[scripted]")
    known.write_text("".join(map(entry.format, ids)))
    backend = recipe(tmp_path, llama_gqa=EXITS)
    asked = models("scripted", "llama-gqa")
    ended = certify(tmp_path / "report", *backend, *asked, "--known-failures", known)
    assert ended.outcomes()[ids[0]] == "WAIVED"
    assert ended.outcomes()[ids[1]] == "FAIL", "it is listed, and it passes"


def test_the_same_ids_with_a_server_that_runs_already(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tests.misbehaving", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        url = next(word for word in server.stdout.readline().split() if word.startswith("http"))
        try:
            ended = certify(tmp_path, "--base-url", url, "--profile", "numerics")
        finally:
            server.kill()
    ids = ended.outcomes()
    assert ids["numerics/model/served[canned]"] == "PASS"
    assert all(id.endswith("[canned]") for id in ids)


def test_an_interrupted_run_keeps_the_models_that_it_has(tmp_path: Path) -> None:
    backend = recipe(tmp_path, llama_gqa=HANGS)
    words = command(tmp_path / "report", *backend, *models("scripted", "llama-gqa", "qwen2-bias"))
    process = subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        log = tmp_path / "report" / "run" / "llama-gqa" / "toy.log"
        deadline = time.monotonic() + 100
        while not log.is_file():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 2, err
    assert "Traceback" not in err
    certificate = report.read(tmp_path / "report" / "certificate.json")
    assert certificate.verdict.sentence == "Could not be judged: the run was interrupted."
    assert not certificate.complete
    outcomes = {result.id: result.outcome for result in certificate.results}
    assert outcomes["numerics/model/served[scripted]"] == "PASS"
    assert outcomes["numerics/model/served[qwen2-bias]"] == "ERROR"
    assert "numerics/distribution/kl[qwen2-bias]" in outcomes, "nothing leaves the denominator"


def test_the_deadline_is_of_all_models_together(tmp_path: Path) -> None:
    backend = recipe(tmp_path)
    asked = models("scripted", "llama-gqa")
    ended = certify(tmp_path / "report", *backend, *asked, "--run-deadline", 1)
    assert ended.code == 2
    assert "deadline of 1 s passed" in ended.certificate["verdict"]["sentence"]
    assert ended.outcomes()["numerics/model/served[llama-gqa]"] == "ERROR"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (models("scripted", "nonesuch"), "There is no model 'nonesuch'"),
        (models("scripted", "scripted"), "The model scripted is given twice."),
        ([*models("scripted", "llama-gqa"), "--profile", "core"], "give one --model"),
        ([*models("a", "b"), "--base-url", "http://127.0.0.1:9"], "Give one of --base-url"),
    ],
)
def test_bad_models_are_said_before_anything_is_started(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    ended = certify(tmp_path / "report", *recipe(tmp_path), *arguments)
    assert ended.code == 2
    assert sentence in ended.err and "Traceback" not in ended.err
    assert "Starting" not in ended.err
