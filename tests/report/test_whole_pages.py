"""Reports are what was approved last, to the letter: `python -m tests.report.pages` writes them."""

from __future__ import annotations

import pytest

from tests.report.pages import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_report_is_as_it_was_approved(name: str) -> None:
    assert PAGES[name]() == (FOLDER / name).read_bytes().decode("utf-8"), (
        "If that is meant: python -m tests.report.pages, and read the diff"
    )


def test_nothing_else_is_approved() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(PAGES)
