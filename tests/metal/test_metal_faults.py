"""Each fault that is planted in a copy of the kernels is caught, and told from their own text."""

from __future__ import annotations

import shutil

import pytest
from metal_cases import ratio
from metal_faults import FAULTS

from reference.emulator import CheckError
from reference.metal import Launcher, emulated, library
from reference.metal.launch import SOURCES

CASES = sorted({case for *_, case in FAULTS})


@pytest.mark.parametrize("case", CASES)
def test_the_kernels_pass_what_their_faults_fail(case):
    assert ratio(emulated(), case) <= 1


@pytest.mark.parametrize(
    ("file", "text", "instead", "case"), [pytest.param(*row, id=name) for name, *row in FAULTS]
)
def test_a_planted_fault_is_caught(tmp_path, file, text, instead, case):
    sources = tmp_path / "metal"
    shutil.copytree(SOURCES, sources, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    whole = (sources / file).read_text()
    assert whole.count(text) == 1
    (sources / file).write_text(whole.replace(text, instead))
    faulty = library(Launcher(gpu=False, check="bounds,races", sources=sources))
    try:
        found = ratio(faulty, case)
    except CheckError:
        return
    assert not found <= 1
