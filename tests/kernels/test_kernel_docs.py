"""docs/kernels.md: its ten lines are a file that can be read."""

from __future__ import annotations

import re
from pathlib import Path

from conformance.targets.kernels import Feature
from reference.metal_source.reader import DISPATCH, TABLES, TOP, read
from reference.metal_source.spec import ARRAYS, NAMES

PAGE = Path(__file__).parents[2] / "docs" / "kernels.md"


def test_the_ten_lines_can_be_read(tmp_path):
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "mine.toml").write_text(block)
    for file in ("cache.metal", "attention.metal"):
        (tmp_path / file).touch()
    spec = read(tmp_path / "mine.toml")
    assert spec.name == "mine" and set(spec.operations) == {"reshape_and_cache", "paged_attention"}
    assert spec.capabilities["features"] == [Feature.GROUPED_HEADS.value]


def test_every_word_of_the_file_is_in_the_page():
    said = set(re.findall(r"\w+", " ".join(re.findall(r"`(.*?)`", PAGE.read_text()))))
    words = {*TOP, *TABLES, *DISPATCH, *ARRAYS}
    for names in (*ARRAYS.values(), *NAMES.values()):
        words |= set(names)
    assert words <= said
