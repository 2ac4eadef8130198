"""Figures of pairs of recordings, where they can be known without computing them so."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from handmade import recorded
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import fixtures.models
from fixtures import snapshots
from fixtures.snapshots import Recorded, bands, definition, noise, rows
from fixtures.snapshots.install import CUDA

LOGITS = arrays(np.float32, (4, 6), elements=st.floats(-8, 8, width=32))
NARROW = arrays(np.float32, (4, 6), elements=st.floats(-3, 3, width=32))
TOKENS = [0, 1, 2, 3]


def of(*rows: list[float], tokens: list[int] | None = None, **named: Any) -> Recorded:
    """A recording by probabilities."""
    return recorded(np.log(rows), tokens or list(range(len(rows))), **named)


def test_kl_of_known_distributions() -> None:
    """KL({1/2, 1/4, 1/4} || {1/4, 1/2, 1/4}) is ln(2) / 4."""
    found = noise.kl(of([0.5, 0.25, 0.25]), of([0.25, 0.5, 0.25]))
    np.testing.assert_allclose(found, [np.log(2) / 4], rtol=1e-6)


def test_kl_counts_what_was_not_kept_as_one_outcome() -> None:
    """Both kept token 0 only: KL({1/2, 1/2} || {1/4, 3/4})."""
    a, b = of([0.5, 0.3, 0.2], k=1), of([0.25, 0.05, 0.7])
    only_first = Recorded(
        b.token_ids, 1, b.positions, b.top_ids[:, 1:2], b.top_logits[:, 1:2], b.logsumexp
    )
    expected = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    np.testing.assert_allclose(noise.kl(a, only_first), [expected], rtol=1e-5)


def test_kl_sees_what_float32_leaves_of_two_that_are_hardly_apart() -> None:
    """Storing log probabilities in float32 moves their sum by up to 1e-7, rows of them by 4e-8 on
    average; engines in float32 are 1e-12 apart from themselves."""
    made = np.random.default_rng(5)
    logits = made.normal(size=(64, 256)) * 2
    moved = logits + made.normal(size=logits.shape) * 1e-6
    p, q = softmax(logits), softmax(moved)
    expected = (p * (np.log(p) - np.log(q))).sum(1)
    tokens = list(range(len(logits)))
    found = noise.kl(rows.recorded(tokens, logits), rows.recorded(tokens, moved))
    assert expected.max() < 1e-12
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_kl_of_what_one_side_deems_impossible() -> None:
    """Banned tokens have a log probability of thousands below zero."""
    one = recorded(np.array([[0.0, -9999.0], [0.0, 0.0]], np.float32), [0, 1])
    other = recorded(np.array([[0.0, 0.0], [0.0, 0.0]], np.float32), [0, 1])
    np.testing.assert_allclose(noise.kl(one, other), [np.log(2), 0], rtol=1e-5)
    assert noise.kl(other, one)[0] > 1000


@given(LOGITS, LOGITS)
def test_kl_is_that_of_the_definition(a: Any, b: Any) -> None:
    p, q = softmax(a), softmax(b)
    expected = (p * np.log(p / q)).sum(1)
    found = noise.kl(recorded(a, TOKENS), recorded(b, TOKENS))
    np.testing.assert_allclose(found, expected, atol=2e-5, rtol=1e-4)


# What is not kept is as exact as the logsumexp, which is float32: not exact for tiny remainders.
@given(NARROW, NARROW, st.integers(1, 5))
def test_kl_of_the_top_is_a_lower_bound(a: Any, b: Any, k: int) -> None:
    whole = noise.kl(recorded(a, TOKENS), recorded(b, TOKENS))
    top = noise.kl(recorded(a, TOKENS, k=k), recorded(b, TOKENS, k=k))
    assert (top <= whole * 1.001 + 2e-5).all()
    assert (top >= 0).all()


@given(LOGITS, st.integers(1, 6))
def test_nothing_is_apart_from_itself(a: Any, k: int) -> None:
    one = {"prompt": recorded(a, TOKENS, k=k)}
    found = noise.compare(one, one)
    assert found["kl"]["max"] == found["logprob"]["max"] == 0
    assert found["top1"]["agreement"] == 1
    assert found["divergence"]["diverged"] == 0
    assert found["kl"]["count"] == 4


def test_log_probabilities_of_likely_tokens() -> None:
    a = of([0.9, 0.09, 0.01 - 1e-6, 1e-6])
    b = of([0.9, 0.045, 0.055 - 4e-6, 4e-6])
    likely, missing = noise.logprob_differences(a, b)
    assert (len(likely), missing) == (3, 0)
    np.testing.assert_allclose(likely, np.log([1, 2, 5.5]), atol=1e-3)


def test_likely_tokens_that_the_other_did_not_keep_are_counted() -> None:
    a, b = of([0.6, 0.3, 0.1]), of([0.6, 0.3, 0.1], k=1)
    likely, missing = noise.logprob_differences(a, b)
    assert (len(likely), missing) == (1, 2)


def test_agreement_says_how_much_the_reference_preferred_its_own() -> None:
    a = of([0.5, 0.4, 0.1], [0.5, 0.25, 0.25], [0.4, 0.4, 0.2])
    b = of([0.4, 0.5, 0.1], [0.5, 0.25, 0.25], [0.3, 0.4, 0.3])
    found = noise.compare({"p": a}, {"p": b})["top1"]
    assert (found["count"], found["disagreements"], found["ties"]) == (3, 2, 1)
    assert found["largest_margin"] == pytest.approx(np.log(0.5 / 0.4), abs=1e-4)


def test_only_equal_contexts_are_compared() -> None:
    """Row n is compared where the first n + 1 tokens are the same."""
    row = [0.7, 0.2, 0.1]
    a = of(row, row, [0.5, 0.3, 0.2], row, tokens=[0, 1, 0, 0, 0], prompt=2)
    b = of(row, row, [0.5, 0.3, 0.2], [0.1, 0.2, 0.7], tokens=[0, 1, 0, 1, 0], prompt=2)
    found = noise.compare({"p": a}, {"p": b})
    assert found["kl"]["count"] == 3
    assert found["kl"]["max"] == 0
    (where,) = found["divergence"]["where"]
    assert (where["prompt"], where["position"]) == ("p", 3)
    assert where["margin"] == pytest.approx(np.log(0.5 / 0.3), abs=1e-4)


def test_parting_from_tokens_that_were_given_is_no_divergence() -> None:
    row = [0.7, 0.2, 0.1]
    a = of(row, row, tokens=[0, 0, 0], prompt=1)
    b = of(row, row, tokens=[0, 1, 0], prompt=1)
    found = noise.compare({"p": a}, {"p": b}, chose=False)["divergence"]
    assert (found["continuations"], found["diverged"]) == (0, 0)


def test_positions_from_a_cache_are_left_out() -> None:
    row = [0.7, 0.2, 0.1]
    a, b = of(row, row, row), of(row, row, row, first=2)
    assert noise.compare({"p": a}, {"p": b})["kl"]["count"] == 1


def test_a_position_that_was_kept_of_one_only_is_not_mistaken_for_another() -> None:
    a = of([0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.2, 0.7, 0.1])
    thin = noise.at(a, np.array([0, 2]))
    assert noise.compare({"p": a}, {"p": thin})["kl"] == noise.distribution(np.zeros(2))


def test_distribution() -> None:
    found = noise.distribution(np.arange(101.0))
    assert found == {
        "mean": 50.0,
        "median": 50.0,
        "p99": 99.0,
        "p999": 99.9,
        "max": 100.0,
        "count": 101,
    }


def test_positions_are_told_by_octaves() -> None:
    found = noise.by_position(np.array([0, 1, 2, 3, 9]), np.array([5.0, 4.0, 1.0, 3.0, 7.0]))
    assert [(each["from"], each["max"], each["count"]) for each in found] == [
        (0, 5.0, 1),
        (1, 4.0, 1),
        (2, 3.0, 2),
        (8, 7.0, 1),
    ]


def test_a_band_of_few_tokens_is_of_the_coarser_partition() -> None:
    """Shown the likeliest token only, KL({1/2, 1/2} || {1/4, 3/4})."""
    recordings = {
        "bfloat16/greedy": {"p": of([0.5, 0.3, 0.2])},
        "float16/greedy": {"p": of([0.05, 0.25, 0.7])},
    }
    expected = 0.2 * np.log(0.2 / 0.7) + 0.8 * np.log(0.8 / 0.3)
    few = noise.truncated(recordings["float16/greedy"]["p"], 1)
    found = noise.compare(recordings["bfloat16/greedy"], {"p": few})
    assert found["kl"]["max"] == pytest.approx(expected, rel=1e-3)
    measured = noise.measure(recordings)
    assert bands.band(measured, shown=5) == bands.band(measured)


def test_reach_is_what_a_band_lacks_without_one_of_its_configurations() -> None:
    """Left out, the one at distance 3 exceeds the band of the other, at distance 2, by a half."""

    def apart(step: float) -> dict[str, Recorded]:
        return {"p": recorded(np.array([[0.0, 0.0, step]]), [0])}

    measured = noise.measure(
        {
            "bfloat16/greedy": apart(0.0),
            "bfloat16-eager/greedy": apart(0.002),
            "float16/greedy": apart(0.003),
        }
    )
    found = bands.reach({"model": measured})
    assert found["logprob_max"] == pytest.approx(1.5, rel=1e-2)
    assert min(found.values()) == 1.0


def test_pairs_go_by_pass_and_the_anchor_comes_first() -> None:
    found = list(
        noise.pairs(
            dict.fromkeys(
                ["bfloat16/greedy", "float32/greedy", "bfloat16/alone", "float16/prefill"]
            )
        )
    )
    assert found == [
        ("float32/greedy", "bfloat16/greedy"),
        ("bfloat16/greedy", "bfloat16/alone"),
        ("bfloat16/greedy", "float32/greedy"),
    ]


def test_the_band_is_the_largest_of_its_pairs() -> None:
    near, far = [0.5, 0.25, 0.25], [0.25, 0.5, 0.25]
    recordings = {
        "bfloat16/greedy": {"p": of(near)},
        "bfloat16-eager/greedy": {"p": of(near)},
        "float16/greedy": {"p": of(far)},
    }
    measured = noise.measure(recordings)
    assert bands.band(measured).kl_max == pytest.approx(np.log(2) / 4, abs=1e-4)
    assert bands.band(measured).margin == pytest.approx(np.log(2), abs=1e-4)
    assert bands.band(measured).pairs == 2
    assert bands.band(measured, others=["bfloat16-eager"]).kl_max == 0
    with pytest.raises(ValueError, match="reference float64"):
        bands.band(measured, "float64")


def softmax(logits: Any) -> Any:
    raised = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def test_a_bug_of_production_widens_no_band() -> None:
    recorded = json.loads((CUDA / "mistral-window" / "noise.json").read_text(encoding="utf-8"))
    assert max(pair["kl"]["max"] for pair in recorded["pairs"]) > 10
    assert bands.band(recorded).kl_max < 0.1
    assert bands.band({**recorded, "engine_version": "0.27.0"}).kl_max > 10


def test_configurations_of_the_same_bits_are_one_trial() -> None:
    """Or the one would hide what the band lacks without the other."""
    moved = {"p": of([0.5, 0.2, 0.3], [0.5, 0.3, 0.2])}
    found = {
        "bfloat16/prefill": {"p": of([0.5, 0.3, 0.2], [0.6, 0.3, 0.1])},
        "bfloat16-eager/prefill": moved,
        "bfloat16-eager-native/prefill": moved,
    }
    eager = ["bfloat16-eager", "bfloat16-eager-native"]
    measured = noise.measure(found)
    assert bands.alike(measured, eager) == [frozenset(eager)]
    assert len(bands.alike(measured, ["bfloat16", "bfloat16-eager"])) == 2


def test_generated_tokens_have_figures_of_their_own() -> None:
    """The prompt is two tokens: the rows after it are those of its last token and on."""
    same = [[0.6, 0.3, 0.1], [0.4, 0.4, 0.2]]
    a = of([0.5, 0.3, 0.2], *same, tokens=[0, 1, 2, 0], prompt=2)
    b = of([0.2, 0.3, 0.5], *same, tokens=[0, 1, 2, 0], prompt=2)
    found = noise.pair(("a/greedy", {"p": a}), ("b/greedy", {"p": b}), chose=True)
    assert found["top5"]["kl"]["max"] > 0
    assert found["generated"]["top5"]["kl"] == noise.distribution(np.zeros(2))


@pytest.mark.parametrize("model", sorted(bands.on_file()))
def test_the_definition_was_measured_on_the_snapshots_on_file(model: str) -> None:
    home = snapshots.FOLDER / "cuda" / model
    about = json.loads((home / bands.DEFINITION).read_text("utf-8"))
    on_file = {
        path.parent.name: json.loads(path.read_text("utf-8"))["sha256"]
        for path in home.glob(f"*/{snapshots.PROVENANCE}")
    }
    assert about["measured_on"] == on_file, "run python -m fixtures.snapshots.definition"


def test_the_definition_is_measured_again_as_on_file() -> None:
    """Other CPUs sum in another order: a mean over all positions stays where it is."""
    home = snapshots.FOLDER / "cuda" / "llama-gqa"
    again = definition.measure(fixtures.models.path("llama-gqa"), home)
    about = json.loads((home / bands.DEFINITION).read_text("utf-8"))
    for pair, known in zip(again["pairs"], about["pairs"], strict=True):
        assert pair["kl"]["mean"] == pytest.approx(known["kl"]["mean"], rel=0.1)
        assert pair["kl"]["count"] == known["kl"]["count"]
