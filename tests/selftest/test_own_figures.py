"""What is written of the suite's own tests is of code and tests that are there."""

from __future__ import annotations

import tomllib
from pathlib import Path

from conformance.selftest import own

ROOT = Path(__file__).parents[2]
CONFIGURED = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]


def test_every_file_that_is_mutated_belongs_to_one_part():
    mutated = {file for pattern in CONFIGURED["only_mutate"] for file in ROOT.glob(pattern)}
    counted = [file for each in own.own() for name in each.files for file in ROOT.glob(name)]
    code = {file for file in mutated if file.suffix == ".py" and file.stat().st_size}
    assert code <= set(counted) and len(counted) == len(set(counted))


def test_nine_in_ten_are_killed_or_it_is_said_to_be_open():
    for each in own.own():
        assert each.killed <= each.mutants and each.alive
        assert each.open or each.killed >= 0.9 * each.mutants


def test_what_is_configured_is_there():
    chosen = [
        each.removeprefix("--ignore=") for each in CONFIGURED["pytest_add_cli_args_test_selection"]
    ]
    for each in [*chosen, *CONFIGURED["also_copy"], *CONFIGURED["source_paths"]]:
        assert (ROOT / each).exists(), each


def test_the_section_has_a_line_for_each():
    text = own.markdown()
    for each in own.own():
        assert f"| {each.part} | {each.mutants} | {each.killed} (" in text
