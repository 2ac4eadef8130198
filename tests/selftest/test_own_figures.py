"""What is written of the suite's own tests is of code and tests that are there."""

from __future__ import annotations

import tomllib
from pathlib import Path

from conformance.selftest import own

ROOT = Path(__file__).parents[2]
CONFIGURED = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]


def test_each_part_that_is_mutated_has_its_figures():
    assert {each.part for each in own.own()} == set(CONFIGURED["only_mutate"])
    for each in own.own():
        assert list(ROOT.glob(each.part)) and each.alive
        assert 0.9 * each.mutants <= each.killed <= each.mutants


def test_what_is_configured_is_there():
    chosen = [
        each.removeprefix("--ignore=") for each in CONFIGURED["pytest_add_cli_args_test_selection"]
    ]
    for each in [*chosen, *CONFIGURED["also_copy"], *CONFIGURED["source_paths"]]:
        assert (ROOT / each).exists(), each


def test_the_section_has_a_line_for_each():
    text = own.markdown()
    for each in own.own():
        assert f"| `{each.part}` | {each.mutants} | {each.killed} (" in text
