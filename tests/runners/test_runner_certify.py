"""A runner is certified by the command, and by plain pytest in several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SUITE = HERE.parents[1] / "conformance" / "runner"
MODEL = "llama-gqa"


def run(*command):
    """Ended in the folder of the runners, without pytest's own variables."""
    kept = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    kept["PYTHONPATH"] = str(HERE.parents[1])
    words = [sys.executable, "-m", *map(str, command), "--model", MODEL]
    return subprocess.run(
        words, cwd=HERE, env=kept, capture_output=True, text=True, timeout=300, check=False
    )


def test_a_runner_with_only_logits_is_certified_by_these(tmp_path):
    ended = run("conformance", "certify", "--runner", "runners_own:Plain", "--report", tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    certificate = json.loads((tmp_path / "certificate.json").read_text())
    assert certificate["verdict"]["certified"] and certificate["complete"]
    assert certificate["profile"] == "numerics"
    assert certificate["target"]["name"] == "runners_own:Plain (float32)"
    assert certificate["target"]["model"] == MODEL
    outcomes = {
        result["id"].removesuffix("]").replace(f"[{MODEL}", " "): result["outcome"]
        for result in certificate["results"]
    }
    passed = {name.strip() for name, outcome in outcomes.items() if outcome == "PASS"}
    assert passed == {"runner/models/loads", "runner/production/one-pass", "runner/goldens/prompts"}
    assert set(outcomes.values()) == {"PASS", "UNSUPPORTED"}
    refused = [each for each in certificate["results"] if each["outcome"] == "UNSUPPORTED"]
    assert len(refused) >= 12
    assert {each["level"] for each in refused} == {"SHOULD"}
    lines = (tmp_path / "run" / "parity.jsonl").read_text().splitlines()
    (compared,) = map(json.loads, lines)
    assert (compared["scope"], compared["way"], compared["verdict"]) == (
        "runner", "one-pass", "inside"
    )  # fmt: skip


def test_several_processes_share_no_model_and_a_runner_of_nothing_is_not_judged(tmp_path):
    ended = run(
        "pytest", SUITE, "--runner", "runners_own:NotMine", "--report", tmp_path,
        "-p", "no:cacheprovider", "-n", "2", "--dist", "loadgroup",
    )  # fmt: skip
    assert ended.returncode == 2, ended.stdout + ended.stderr
    certificate = json.loads((tmp_path / "certificate.json").read_text())
    assert certificate["complete"]
    assert {each["outcome"] for each in certificate["results"]} == {"UNSUPPORTED"}
    assert "no MUST applied" in certificate["verdict"]["sentence"]
