"""Attention over latents is the paper's attention over the keys and values made of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.oracle.arguments import ArgumentError
from reference.oracle.attention import Features, attend
from reference.oracle.mla import absorb, expand, mla_attention

HEADS, NOPE, ROPE, LATENT, VALUE = 4, 16, 8, 32, 24
SCALE = (NOPE + ROPE) ** -0.5


def setting(length: int, queries: int):
    random = np.random.default_rng(length)
    key_up = random.standard_normal((HEADS, NOPE, LATENT)) / LATENT**0.5
    value_up = random.standard_normal((HEADS, VALUE, LATENT)) / LATENT**0.5
    rows = random.standard_normal((length, LATENT + ROPE)).astype(np.float32)
    nope, rope = (random.standard_normal((queries, HEADS, size)) for size in (NOPE, ROPE))
    blocks = random.permutation(8)[: -(-length // 8)].astype(np.int32)
    cache = np.full((8, 8, LATENT + ROPE), np.nan, np.float32)
    for position, row in enumerate(rows):
        cache[blocks[position // 8], position % 8] = row
    named = {
        "latent_size": LATENT,
        "block_table": blocks[None],
        "seq_lens": np.array([length], np.int32),
        "query_start_loc": np.array([0, queries], np.int32),
        "scale": SCALE,
    }
    return key_up, value_up, rows, nope, rope, cache, named


@given(st.integers(1, 60), st.integers(1, 10))
def test_the_absorbed_form_is_the_papers(length, queries):
    queries = min(length, queries)
    key_up, value_up, rows, nope, rope, cache, named = setting(length, queries)
    absorbed = absorb(nope, rope, key_up).astype(np.float32)
    latent = mla_attention(absorbed, cache, **named)
    output = np.einsum("thl,hdl->thd", latent, value_up)

    keys, values = expand(rows, key_up, value_up)
    for row in range(queries):
        seen = length - queries + row + 1
        query = np.concatenate([nope[row], rope[row]], axis=-1)
        paper = attend(query, keys[:seen], values[:seen], np.arange(seen), Features(SCALE))
        # The absorbed query was rounded to float32 as the cache is, nothing else was.
        np.testing.assert_allclose(output[row], paper.output, rtol=0, atol=2e-6)


def test_the_key_that_has_the_position_is_shared_by_all_heads():
    key_up, value_up, rows, *_ = setting(5, 1)
    keys, _ = expand(rows, key_up, value_up)
    for head in range(HEADS):
        assert np.array_equal(keys[:, head, NOPE:], rows[:, LATENT:].astype(np.float64))


def test_a_latent_longer_than_a_row_is_refused():
    *_, cache, named = setting(5, 1)
    query = np.zeros((1, HEADS, LATENT + ROPE), np.float32)
    with pytest.raises(
        ArgumentError, match="latent_size is 1 to 40, a row of latent_cache; not 41"
    ):
        mla_attention(query, cache, **named | {"latent_size": 41})
