"""Kernels with a planted bug are reported, at the line; their corrected twins are not."""

import numpy as np
import pytest

from tests.emulator.planted_kernels import PLANTED_BUGS, PlantedBug

every_bug = pytest.mark.parametrize("bug", PLANTED_BUGS, ids=lambda bug: bug.path.stem)


def test_there_are_enough_of_them() -> None:
    assert len(PLANTED_BUGS) >= 25
    assert all(bug.marks for bug in PLANTED_BUGS)


@every_bug
def test_a_planted_bug_is_reported_where_it_is(bug: PlantedBug) -> None:
    findings, _ = bug.run("planted")
    for mark in bug.marks:
        told = "\n".join(map(str, findings)) or "nothing"
        assert any(mark.is_met_by(finding) for finding in findings), f"{mark} is not in:\n{told}"


@every_bug
def test_a_corrected_twin_is_not_reported(bug: PlantedBug) -> None:
    findings, _ = bug.run("corrected")
    assert not findings, "\n".join(map(str, findings))


@every_bug
def test_a_corrected_twin_does_not_depend_on_the_schedule(bug: PlantedBug) -> None:
    _, in_order = bug.run("corrected", check=None)
    for seed in (1, 2):
        findings, permuted = bug.run("corrected", schedule=seed)
        assert not findings, "\n".join(map(str, findings))
        for a, b in zip(in_order, permuted, strict=True):
            np.testing.assert_array_equal(a, b)
