"""Parts of a context, merged, are attention over the whole."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reference.oracle.attention import Features, attend
from reference.oracle.merge import merge


def parts_of(sizes: list[int], *, sinks: bool, magnitude: float = 1.0):
    """Keys in parts of these sizes; a sink is counted in the first that is not empty."""
    random, total = np.random.default_rng(sum(sizes)), sum(sizes)
    query = random.standard_normal((4, 16)) * magnitude
    keys, values = random.standard_normal((2, total, 2, 16))
    sink = random.standard_normal(4) if sinks else None
    whole = attend(query, keys, values, np.arange(total), Features(0.25, sinks=sink))
    outputs, lses, begin = [], [], 0
    for size in sizes:
        part = slice(begin, begin + size)
        if size:
            found = attend(
                query, keys[part], values[part], np.arange(size), Features(0.25, sinks=sink)
            )
            outputs.append(found.output)
            lses.append(found.lse)
            sink = None
        else:
            outputs.append(np.full((4, 16), np.nan))
            lses.append(np.full(4, -np.inf))
        begin += size
    return whole, np.array(outputs)[:, None], np.array(lses)[:, None]


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=6).filter(any),
    st.booleans(),
    st.sampled_from([1.0, 500.0]),
)
def test_merged_parts_are_the_whole(sizes, sinks, magnitude):
    whole, outputs, lses = parts_of(sizes, sinks=sinks, magnitude=magnitude)
    output, lse = merge(outputs, lses)
    np.testing.assert_allclose(output[0], whole.output, rtol=0, atol=1e-12)
    np.testing.assert_allclose(lse[0], whole.lse, rtol=1e-13)


def test_merging_in_pairs_is_merging_at_once():
    _, outputs, lses = parts_of([3, 7, 1, 9], sinks=True)
    pairs = [merge(outputs[n : n + 2], lses[n : n + 2]) for n in (0, 2)]
    output, lse = merge(*(np.array(of) for of in zip(*pairs, strict=True)))
    at_once = merge(outputs, lses)
    np.testing.assert_allclose(output, at_once[0], rtol=0, atol=1e-14)
    np.testing.assert_allclose(lse, at_once[1], rtol=1e-14)


def test_nothing_at_all_is_zero():
    output, lse = merge(np.full((2, 1, 4, 16), np.nan), np.full((2, 1, 4), -np.inf))
    assert (output == 0).all() and np.isneginf(lse).all()
