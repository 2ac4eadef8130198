"""Memory of a pool: what is recorded of a run, and how a report says it."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
from jinja2 import Environment, StrictUndefined

from conformance.kernels.footprint import SETS, Sequences, footprint
from conformance.kernels.test_pool import test_full_pool as full_pool
from conformance.report.footprints import FootprintRow, footprint_rows, size
from conformance.targets.kernels import load


def recorded(name):
    found = {}
    full_pool(load("torch"), name, found.__setitem__)
    return found["footprint"]


@pytest.fixture(scope="module")
def footprints():
    return [recorded(name) for name in SETS]


def test_a_run_records_what_the_pool_took(footprints):
    chat = footprints[0]
    # 3,915 tokens in blocks of 16, keys and values of 2 heads of 64 numbers of 2 bytes.
    blocks = sum(-(-length // 16) for length in SETS["chat"].lengths)
    assert chat["pool_bytes"] == blocks * 16 * 2 * 2 * 64 * 2
    assert chat["contiguous_bytes"] == 8 * 2048 * 2 * 2 * 64 * 2
    assert chat["longest_sequence"] == 2048 > 4 * chat["longest_contiguous"]
    assert all(each["pool_bytes"] < each["contiguous_bytes"] for each in footprints)


@pytest.mark.parametrize("served", SETS.values(), ids=SETS)
def test_every_block_is_used_and_only_the_prefix_is_shared(served):
    table = served.block_table()
    shared = served.prefix // served.block_size
    used = [
        table[row, : -(-length // served.block_size)] for row, length in enumerate(served.lengths)
    ]
    counts = np.bincount(np.concatenate(used), minlength=served.num_blocks)
    assert sorted(set(counts)) == ([1, len(table)] if shared else [1])
    assert (counts > 1).sum() == shared and len(counts) == served.num_blocks


def test_a_prefix_is_there_once():
    apart, shared = Sequences((40, 40), 64), Sequences((40, 40), 64, prefix=32)
    assert (apart.num_blocks, shared.num_blocks) == (6, 4)
    pool = np.zeros((4, 16, 2, 8), np.float16)
    found = footprint("two", shared, (pool, pool))
    assert (found.pool_bytes, found.contiguous_bytes) == (2 * pool.nbytes, 2 * 64 * 64)


def test_the_page_says_it_in_numbers_and_bars(footprints):
    rows = footprint_rows(footprints)
    assert [row.name for row in rows] == ["chat", "one-long", "shared-prefix"]
    assert rows[0].served == "8 sequences, 3915 tokens" and rows[0].contiguous == "8.0 MiB"
    assert rows[0].share == f"{100 * rows[0].pool_bar / rows[0].contiguous_bar:.0f}%"
    assert max(row.contiguous_bar for row in rows) == 100
    text = files("conformance.report").joinpath("footprints.html.j2").read_text(encoding="utf-8")
    page = Environment(undefined=StrictUndefined, autoescape=True).from_string(text)
    html = page.render(footprints=rows)
    assert html.count("<rect") == 6 and "8.0 MiB" in html
    assert rows[1].longest in html and rows[1].longest_contiguous in html
    assert footprint_rows([]) == []


def test_sizes_as_a_person_says_them():
    said = ["512 bytes", "1 KiB", "2 KiB", "1.0 MiB", "1.9 MiB"]
    assert [size(count) for count in (512, 1024, 2048, 2**20, 2_000_000)] == said


def test_a_row_says_what_was_recorded():
    small = {
        "name": "small", "sequences": 3, "tokens": 70, "pool_bytes": 1000,
        "contiguous_bytes": 1500, "longest_sequence": 40, "longest_contiguous": 32,
    }  # fmt: skip
    large = {**small, "name": "large", "pool_bytes": 7000, "contiguous_bytes": 9000}
    rows = footprint_rows([small, large])
    assert [row.name for row in rows] == ["large", "small"]
    assert rows[1] == FootprintRow(
        "small", "3 sequences, 70 tokens", "1000 bytes", "1 KiB", "67%",
        "40 tokens", "32 tokens", 11.11, 16.67,
    )  # fmt: skip
