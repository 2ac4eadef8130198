"""The page about quantised weights says what was measured."""

from __future__ import annotations

import pytest

from fixtures.snapshots import quantised
from fixtures.snapshots.quantised import document

MEASURED = [quantised.read(name) for name in quantised.names()]


def test_the_tables_of_the_page_are_those_of_the_measurements():
    page = document.PAGE.read_text(encoding="utf-8")
    again = "run python -m fixtures.snapshots.quantised.document"
    assert document.rendered(page, MEASURED) == page, again


def test_every_model_has_its_line():
    page = document.PAGE.read_text(encoding="utf-8")
    assert all(f"| {model.model} | " in page for model in MEASURED)


def test_a_page_without_its_markers_is_refused():
    with pytest.raises(ValueError, match="cost"):
        document.rendered("# A page", MEASURED)
