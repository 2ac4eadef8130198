"""The program that writes docs/kernel-errors.md."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import libraries_faulty
import pytest

from conformance.targets.kernels import Checked

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "benchmarks" / "kernel_errors.py"


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("kernel_errors", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_page_of_a_few_families(program, tmp_path, capsys):
    page = tmp_path / "errors.md"
    only = "^(grouped|latents: decode|one-token)$"
    assert program.main(["--kernels", "torch", "--only", only, "--to", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[1:4]] == [
        "| grouped",
        "| one-token",
        "| latents: decode",
    ]
    assert "Above a bound: 0." in text and "one key has all of the weight" in text
    for entry in rows[1].strip("| ").split(" | ")[1:]:
        error, bound, ratio = (float(part) for part in entry.replace(" =", " /").split(" / "))
        assert 0 < error <= bound and ratio == pytest.approx(error / bound, abs=0.06)
    assert rows[2].split(" | ")[1:3] == ["exact", "exact"]
    assert "nothing is above its bound" in capsys.readouterr().out


def test_what_is_above_a_bound_or_wide_without_a_reason_is_told(program, monkeypatch):
    chosen = [(f, c) for f, c in program.every_case() if f == "soft-cap" and c.dtype == "float32"]
    found = {"own": program.measured(Checked(libraries_faulty.CapIgnored()), chosen)}
    (told,) = program.faults(found)
    assert told.startswith("own, soft-cap in float32: output[") and "times the bound" in told
    chosen = [(f, c) for f, c in program.every_case() if f == "one-token" and c.dtype == "float32"]
    found = {"own": program.measured(Checked(libraries_faulty.CapIgnored()), chosen)}
    assert program.faults(found) == []
    monkeypatch.setattr(program, "WHY", {})
    (told,) = program.faults(found)
    assert told.startswith("one-token in float32: the bound in multiples of the largest error is")


def test_the_page_has_every_family_of_cases(program):
    """It is written again when cases are added."""
    text = program.DOCUMENT.read_text(encoding="utf-8")
    families = {family for family, case in program.every_case() if sum(case.query_lens)}
    assert [family for family in families if f"| {family} |" not in text] == []
    for name in ("reference-mlx", "torch"):
        assert f"\n## {name}\n" in text
    assert "Above a bound: 0." in text
