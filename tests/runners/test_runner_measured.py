"""What a runner does is a judgement on it, never an error of the suite, and is done once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conformance.judging import result
from conformance.outcomes import Absent, Failed, Level, Outcome, judge
from conformance.requirements import MUST, Requirement
from conformance.run import RunFolder
from conformance.runner.measured import Measured
from conformance.targets.errors import TargetError
from conformance.targets.runners.contract import Way
from conformance.targets.runners.target import RunnerTarget, find

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def own_modules(monkeypatch):
    monkeypatch.chdir(HERE)


def measured(tmp_path, name, model="llama-gqa"):
    folder = RunFolder(tmp_path)
    folder.reset()
    found = find(f"runners_own:{name}", None, None, tmp_path / "log", model)
    return Measured(model, found, folder)


def test_a_runner_with_only_logits_is_judged_by_these(tmp_path):
    found = measured(tmp_path, "Plain")
    assert found.target.name == "runners_own:Plain (float32)"
    assert found.compared(Way.ONE_PASS).verdict == "inside"
    for way in set(Way) - {Way.ONE_PASS}:
        with pytest.raises(Absent, match="does not offer"):
            found.compared(way)
    with pytest.raises(Absent, match="does not offer `generate`"):
        found.greedy()
    (handed_over,) = found._folder.parities()
    about = {name: handed_over[name] for name in ("model", "scope", "way", "configuration")}
    assert about == {
        "model": "llama-gqa",
        "scope": "runner",
        "way": "one-pass",
        "configuration": "float32",
    }


def test_a_model_and_a_way_are_computed_once(tmp_path, monkeypatch):
    found = measured(tmp_path, "Plain")
    first = found.seen(Way.ONE_PASS)
    monkeypatch.setattr(type(found.loaded()), "logits", None)  # would raise if it were called
    assert found.seen(Way.ONE_PASS) is first


def test_half_logits_are_outside(tmp_path):
    assert measured(tmp_path, "Halved").compared(Way.ONE_PASS).verdict == "outside"


def test_a_model_that_is_not_loaded_is_held_against_nothing_else(tmp_path):
    found = measured(tmp_path, "NotMine")
    for ask in (found.loaded, lambda: found.compared(Way.DECODE), found.greedy):
        with pytest.raises(Absent, match="no llama-gqa here"):
            ask()


def test_what_breaks_is_the_runners_fault(tmp_path):
    with pytest.raises(Failed, match="came with shape"):
        measured(tmp_path, "WrongShape").seen(Way.ONE_PASS)
    with pytest.raises(Failed, match="Loading raised ZeroDivisionError"):
        measured(tmp_path, "BreaksAtBirth").loaded()
    with pytest.raises(Absent, match="ZeroDivisionError"):
        measured(tmp_path, "BreaksAtBirth").seen(Way.ONE_PASS)


def test_a_must_on_what_is_absent_is_reported_below_must():
    stated = Requirement("runner/x/y", MUST, "It MUST.", "", "", ("numerics",))
    absent = result(stated, Absent("No cache."))
    assert (absent.level, absent.outcome) == (Level.SHOULD, Outcome.UNSUPPORTED)
    held = result(stated, None)
    outcomes = [(each.level, each.outcome) for each in (held, absent)]
    verdict = judge(outcomes, expected_total=2)
    assert (verdict.certified, verdict.counts["UNSUPPORTED"]) == (True, 1)
    nothing = judge([(absent.level, absent.outcome)], expected_total=1)
    assert (nothing.certified, nothing.exit_code) == (False, 2)


@pytest.mark.parametrize(
    ("runner", "dtype", "sentence"),
    [
        ("nonesuch", None, "no runner 'nonesuch'; known are transformers, mlx-lm, reference"),
        ("transformers", "float8", "no dtype 'float8'"),
        ("runners_own:Nonesuch", None, "AttributeError"),
        ("nonesuch:thing", None, "No module named 'nonesuch'"),
        ("runners_own:loaded", None, "a runner of one model; say of which with --model"),
    ],
)
def test_what_cannot_be_found_is_told(tmp_path, runner, dtype, sentence):
    with pytest.raises(TargetError, match=sentence):
        find(runner, None, dtype, tmp_path / "log")


def test_an_engine_that_is_not_installed_is_told(tmp_path):
    with pytest.raises(TargetError, match="is not installed in"):
        find("vllm", Path(sys.executable), None, tmp_path / "log")


def test_transformers_is_found_with_its_version(tmp_path):
    import transformers

    found = find("transformers", None, None, tmp_path / "log")
    assert found.name == f"transformers {transformers.__version__} (float32, CPU)"
    assert found.python is None
    assert RunnerTarget.from_json(found.to_json()) == found
