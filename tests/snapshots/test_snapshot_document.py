"""The page about noise says what was recorded, and its plots can be drawn."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from fixtures.snapshots import document
from fixtures.snapshots.bands import on_file, sound

RECORDED = on_file()
SVG = "{http://www.w3.org/2000/svg}"
PAIR = {"reference": "bfloat16/greedy", "other": "bfloat16/alone"}


def test_the_tables_of_the_page_are_those_of_the_recordings() -> None:
    page = document.PAGE.read_text(encoding="utf-8")
    again = "run python -m fixtures.snapshots.document"
    assert document.rendered(page, RECORDED) == page, again


def test_the_plots_are_those_of_the_recordings() -> None:
    committed = {path.stem: path.read_text(encoding="utf-8") for path in document.PLOTS.iterdir()}
    assert document.plots(RECORDED) == committed, "run python -m fixtures.snapshots.document"


@pytest.mark.parametrize("name", document.DRAWN)
def test_a_plot_is_well_formed_and_shows_every_model(name: str) -> None:
    root = ElementTree.fromstring(document.plots(RECORDED)[name])
    assert root.tag == f"{SVG}svg"
    background = root.find(f"{SVG}rect")
    assert background is not None
    assert background.get("fill") == "#ffffff"
    shown = {text.text for text in root.iter(f"{SVG}text")}
    plot = document.DRAWN[name]
    for model, noise in RECORDED.items():
        compared = any(sound(noise, each.reference, each.others) for each in plot.groups)
        assert (model in shown) == compared


@pytest.mark.parametrize("name", document.DRAWN)
def test_no_figure_is_beyond_the_axis(name: str) -> None:
    plot = document.DRAWN[name]
    for noise in RECORDED.values():
        for group in plot.groups:
            for pair in sound(noise, group.reference, group.others):
                assert pair[plot.figure]["max"] <= 10 ** plot.decades[1]


def test_a_pair_is_shown_by_its_configurations() -> None:
    noise = {"pairs": [PAIR, {**PAIR, "other": "float16/greedy"}]}
    assert sound(noise, "bfloat16", ("bfloat16",)) == [PAIR]
    assert sound(noise, "float16", ("bfloat16",)) == []


def test_a_group_shows_the_largest_of_its_pairs() -> None:
    pairs = [{"kl": {"median": 1, "p99": 5, "max": 6}}, {"kl": {"median": 2, "p99": 3, "max": 9}}]
    assert document.widest(pairs, "kl") == (2, 5, 9)


def test_a_page_without_a_marker_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the markers"):
        document.rendered("# Production snapshots\n", {})
