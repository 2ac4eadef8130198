"""A runner in a process of its own: what it says arrives, and whatever it does is told."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from conformance.targets.runners.contract import Broken, Refused, Way
from conformance.targets.runners.remote import RemoteRunner
from conformance.targets.runners.ways import offered, score

SEQUENCES = {"a": [1, 2, 3], "b/c": [4]}


@pytest.fixture
def started(tmp_path):
    """Starts an engine of `engines_broken`, and ends it."""
    running = []

    def start(kind, run_s=30.0):
        here, log = Path(__file__).parent, tmp_path / "log"
        runner = RemoteRunner(
            Path(sys.executable), "engines_broken", kind, tmp_path, "float32", log,
            path=[here], load_s=60.0, run_s=run_s,
        )  # fmt: skip
        running.append(runner)
        return runner

    yield start
    for runner in running:
        runner.close()


def test_what_was_seen_comes_over_the_pipe(started):
    runner = started("Sound")
    assert offered(runner) == {Way.ONE_PASS}
    seen = score(runner, SEQUENCES, Way.ONE_PASS)
    assert set(seen) == set(SEQUENCES)
    for name, ids in SEQUENCES.items():
        assert seen[name].token_ids.tolist() == ids
        assert seen[name].top_ids[:, 0].tolist() == ids
        assert seen[name].top_logits.dtype == np.float32
    assert runner.generate([1, 5], 3) == [5, 5, 5]
    with pytest.raises(Refused, match="does not offer decode"):
        score(runner, SEQUENCES, Way.DECODE)


def test_all_of_the_projects_packages_are_there(started, tmp_path, monkeypatch):
    """Also where neither the interpreter nor the current folder has them."""
    monkeypatch.chdir(tmp_path)
    assert started("Importing").generate([], 0) == [1, 1, 1]


def test_a_refusal_to_load_is_the_engines_own(started):
    with pytest.raises(Refused, match="no kernel for it"):
        started("Refusing")


def test_an_engine_that_dies_while_loading(started):
    with pytest.raises(Broken, match=r"exit code 3.*about to give up"):
        started("DyingAtBirth")


def test_an_engine_that_crashes_is_started_again(started):
    runner = started("Crashing")
    with pytest.raises(Broken, match=r"signal 11.*last words"):
        score(runner, {"a": [7]}, Way.ONE_PASS)
    assert score(runner, {"a": [1]}, Way.ONE_PASS)["a"].top_ids[0, 0] == 1


def test_an_engine_that_hangs_is_ended_at_its_deadline(started):
    runner = started("Hanging", run_s=0.5)
    began = time.monotonic()
    with pytest.raises(Broken, match=r"did not answer within 0\.5 s"):
        score(runner, SEQUENCES, Way.ONE_PASS)
    assert time.monotonic() - began < 10


def test_nonsense_is_no_answer(started):
    with pytest.raises(Broken, match="answered b'hello"):
        score(started("Babbling"), SEQUENCES, Way.ONE_PASS)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [("NotNumbers", "not numbers"), ("Raising", "IndexError: block table too short")],
)
def test_what_the_runner_breaks_over_is_told(started, kind, sentence):
    runner = started(kind)
    with pytest.raises(Broken, match=sentence):
        score(runner, SEQUENCES, Way.ONE_PASS)
    assert runner.generate([1], 1) == [1]  # the process is still there
