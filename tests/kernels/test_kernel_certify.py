"""A kernel library is certified by the command, and by plain pytest in several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SUITE = HERE.parents[1] / "conformance" / "kernels"


def run(*command):
    """Ended in the folder of the libraries, without pytest's own variables."""
    kept = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    kept["PYTHONPATH"] = str(HERE.parents[1])
    words = [sys.executable, "-m", *map(str, command)]
    return subprocess.run(
        words, cwd=HERE, env=kept, capture_output=True, text=True, timeout=300, check=False
    )


def certificate(folder):
    return json.loads((folder / "certificate.json").read_text())


def test_a_library_of_ones_own_is_held_to_the_whole_profile(tmp_path):
    ended = run("conformance", "certify", "--kernels", "library_own:Own", "--report", tmp_path)
    found = certificate(tmp_path)
    assert ended.returncode == found["verdict"]["exit_code"] == 0, ended.stdout + ended.stderr
    assert (found["profile"], found["complete"]) == ("kernels", True)
    assert found["target"]["name"] == "own" and found["target"]["backend"] == "library_own:Own"
    outcomes = {each["id"]: each["outcome"] for each in found["results"]}
    assert all(id.startswith("kernels/") for id in outcomes)
    # What it says that it has not is not held against it, and the certificate says what that is.
    assert found["target"]["claims"] == {
        "dtypes": ["float32"], "head_sizes": [64], "features": ["prefill"]
    }  # fmt: skip
    assert set(outcomes.values()) == {"PASS", "UNSUPPORTED"}
    assert outcomes["kernels/paged-attention/features[plain-float32]"] == "PASS"
    assert outcomes["kernels/copy-blocks/pairs[one-float32]"] == "UNSUPPORTED"
    assert "own, profile kernels" in " ".join(ended.stdout.split())
    assert "held to the definition of each operation" in (tmp_path / "report.html").read_text()


def test_plain_pytest_in_two_processes_finds_what_is_wrong(tmp_path):
    ended = run(
        "pytest", SUITE / "test_paged_attention.py", "--kernels", "library_own:Float64",
        "--report", tmp_path, "-p", "no:cacheprovider", "-n", "2", "-k", "features and decode",
    )  # fmt: skip
    assert ended.returncode == 1, ended.stdout + ended.stderr
    failed = [each for each in certificate(tmp_path)["results"] if each["outcome"] == "FAIL"]
    assert [each["id"] for each in failed] == ["kernels/paged-attention/features[decode-float32]"]
    assert "expected float32" in failed[0]["message"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--profile", "kernels"], "name one with --kernels"),
        (["--kernels", "nonesuch"], "There is no kernel library 'nonesuch'"),
        (["--kernels", "library_own:broken"], "does not start: no GPU"),
        (["--kernels", "library_own:Incomplete"], "it has no 'reshape_and_cache'"),
        (["--kernels", "torch", "--runner", "mlx-lm"], "Give one of --base-url"),
    ],
)
def test_what_is_no_kernel_library_is_a_sentence(tmp_path, arguments, sentence):
    ended = run("conformance", "certify", *arguments, "--report", tmp_path)
    assert ended.returncode == 2
    assert sentence in ended.stderr and len(ended.stderr.strip().splitlines()) == 1
    assert not certificate(tmp_path)["results"]
