"""A figure of few positions is granted its standard error, and one of many hardly any."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.compare.chance import DRAWS, ERRORS, stretched


def shown(count: int, seed: int = 1, k: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """KL and log probabilities of positions that differ by rounding."""
    dice = np.random.default_rng(seed)
    production = np.tile(np.log([0.5, 0.2, 0.1, 0.05, 0.01][:k]), (count, 1))
    target = production + dice.normal(0, 0.05, production.shape)
    return dice.exponential(1e-3, count), np.stack([production, target])


def test_the_mean_is_granted_its_standard_error() -> None:
    kl, logprobs = shown(400)
    expected = ERRORS * kl.std() / np.sqrt(len(kl)) / kl.mean()
    # A standard deviation of 200 draws is right within 1 / sqrt(400); four of those.
    assert stretched(kl, logprobs)["kl_mean"] - 1 == pytest.approx(
        expected, rel=4 / np.sqrt(2 * DRAWS)
    )


def test_a_percentile_is_granted_what_it_varies_by() -> None:
    drawn = [np.percentile(shown(400, seed)[0], 99) for seed in range(300)]
    expected = ERRORS * np.std(drawn) / np.mean(drawn)
    granted = [stretched(*shown(400, seed))["kl_p99"] - 1 for seed in range(20)]
    assert 0.5 * expected < np.median(granted) < 1.5 * expected


def test_many_positions_leave_little_to_chance() -> None:
    few, many = stretched(*shown(200)), stretched(*shown(20_000))
    for name in ("kl_mean", "kl_p99", "logprob_p99"):
        assert 1 < many[name] < 1 + 0.3 * (few[name] - 1)


def test_a_target_that_is_far_off_grants_itself_no_more() -> None:
    kl, logprobs = shown(300)
    far = logprobs[0] + 50 * (logprobs[1] - logprobs[0])
    assert stretched(50 * kl, np.stack([logprobs[0], far])) == pytest.approx(
        stretched(kl, logprobs)
    )


def test_the_same_evidence_comes_to_the_same() -> None:
    assert stretched(*shown(100)) == stretched(*shown(100))


def test_nothing_is_granted_where_nothing_differs_or_nothing_was_seen() -> None:
    kl, logprobs = shown(50)
    assert stretched(np.zeros(50), np.stack([logprobs[0], logprobs[0]])) == {}
    assert stretched(kl[:1], logprobs[:, :1]) == {}
    hidden = np.stack([logprobs[0], np.full_like(logprobs[1], np.nan)])
    assert "logprob_p99" not in stretched(kl, hidden)
