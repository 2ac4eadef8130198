"""Any object with `logits` is a runner, and whatever it gives is checked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.targets.runners.contract import CHUNKS, STRANGER, Broken, Refused, Way
from conformance.targets.runners.rows import checked
from conformance.targets.runners.ways import chunks, offered, score, shared
from fixtures.snapshots import TOP
from fixtures.snapshots.rows import recorded

VOCABULARY = 16


class Plain:
    """Row n favours the sum of all tokens so far."""

    def logits(self, token_ids):
        return np.eye(VOCABULARY, dtype=np.float32)[np.cumsum(token_ids) % VOCABULARY]


class WithCache(Plain):
    """The same over a cache, which is the sum."""

    reads = None

    def new_cache(self):
        return [0]

    def extend(self, cache, token_ids):
        if self.reads is not None:
            self.reads.append(len(token_ids))
        rows = self.logits([cache[0], *token_ids])[1:]
        cache[0] += sum(token_ids)
        return rows

    def reuse(self, cache):
        return list(cache)


class Leaking(WithCache):
    """What another sequence says after a common prefix stays in it."""

    def reuse(self, cache):
        return cache


SEQUENCES = {"one": [3], "long": list(range(1, 30)), "again": [5] * 20}


def test_an_object_with_logits_is_a_runner_of_one_way():
    assert offered(Plain()) == {Way.ONE_PASS}
    assert set(score(Plain(), SEQUENCES, Way.ONE_PASS)) == set(SEQUENCES)
    for way in set(Way) - {Way.ONE_PASS}:
        with pytest.raises(Refused, match=f"does not offer {way}: "):
            score(Plain(), SEQUENCES, way)


def test_a_cache_makes_further_ways():
    runner = WithCache()
    assert offered(runner) == set(Way) - {Way.BATCH}
    expected = score(runner, SEQUENCES, Way.ONE_PASS)
    for way in (Way.DECODE, Way.CHUNKS, Way.PREFIX):
        runner.reads = []
        seen = score(runner, SEQUENCES, way)
        assert set(seen) == set(SEQUENCES) - ({"one"} if way is Way.PREFIX else set())
        for name, found in seen.items():
            whole = expected[name]
            assert np.array_equal(found.top_ids, whole.top_ids[found.positions]), (way, name)
            first = len(SEQUENCES[name]) // 2 if way is Way.PREFIX else 0
            assert found.positions.tolist() == list(range(first, len(SEQUENCES[name])))
        if way is Way.DECODE:
            assert set(runner.reads) == {1}
        if way is Way.CHUNKS:
            assert max(runner.reads) == max(CHUNKS)


def test_another_sequence_in_a_reused_prefix_shows():
    seen = score(Leaking(), SEQUENCES, Way.PREFIX)
    expected = score(Plain(), SEQUENCES, Way.ONE_PASS)
    assert (seen["long"].top_ids[:, 0] != expected["long"].top_ids[14:, 0]).any()


@given(st.lists(st.integers(0, 511), min_size=2, max_size=80))
def test_two_sequences_share_a_first_part_and_no_more(ids):
    first, stranger = shared(ids)
    assert first == ids[: len(ids) // 2]
    assert len(stranger) == STRANGER
    assert stranger[0] != ids[len(first)]
    assert min(stranger) >= 0


@given(st.integers(1, 100), st.integers(0, 5))
def test_chunks_cover_every_token_once(tokens, index):
    places = [place for part in chunks(tokens, index) for place in range(tokens)[part]]
    assert places == list(range(tokens))


@pytest.mark.parametrize(
    ("logits", "sentence"),
    [
        (np.zeros((3, 8), np.float32), "2 tokens came with shape"),
        (np.zeros((1, 2, 8), np.float32), "came with shape"),
        (np.zeros((2, 8), np.int64), "no array of floating point"),
        ("hello", "no array of floating point"),
        ([[1.0, 2.0], [3.0]], "no array of floating point"),
        (np.array([[0, 1], [np.nan, 1]], np.float32), "row 1 of 2 are not numbers"),
        (np.array([[0, np.inf], [0, 1]], np.float32), "row 0 of 2 are not numbers"),
        (np.full((2, 8), -np.inf, np.float32), "row 0 of 2 are not numbers"),
    ],
)
def test_what_is_no_array_of_logits_is_told(logits, sentence):
    with pytest.raises(Broken, match=sentence):
        checked(logits, 2)


def test_a_token_that_is_never_given_is_no_fault():
    row = [[-np.inf, 0.0, 1.0]]
    assert checked(row, 1).tolist() == row


@pytest.mark.parametrize("vocabulary", [512, 5000])
def test_rows_keep_the_exact_probability_of_the_likeliest(vocabulary):
    logits = np.random.default_rng(1).normal(size=(4, vocabulary)).astype(np.float32) * 5
    found = recorded([1, 2, 3, 4, 5, 6], logits, 2)
    assert found.positions.tolist() == [2, 3, 4, 5]
    assert found.top_ids.shape == (4, min(vocabulary, TOP) if vocabulary > 2048 else vocabulary)
    true = logits.astype(np.float64)
    true = true - np.log(np.exp(true).sum(axis=1, keepdims=True))
    best = np.sort(true, axis=1)[:, ::-1][:, : found.top_ids.shape[1]]
    assert np.allclose(found.logprobs, best, atol=1e-5)
    assert np.array_equal(found.top_ids[:, 0], logits.argmax(axis=1))


def test_a_fault_of_the_runner_is_the_runners():
    class Raising:
        def logits(self, token_ids):
            raise KeyError("layer 3")

    with pytest.raises(Broken, match="raised KeyError: 'layer 3'"):
        score(Raising(), SEQUENCES, Way.ONE_PASS)
