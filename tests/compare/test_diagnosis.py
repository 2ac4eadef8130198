"""Each pattern is told from all others, with a production and faults that were made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import PROMPTS, Fault, faulty, logits, production, rounded, seen

from conformance.compare.diagnosis import ENOUGH, diagnose
from conformance.compare.rows import Rows, rows
from fixtures.snapshots import Recorded, noise

PRODUCTION = production()


def look(target: dict[str, Recorded], shown: int | None = None, window: int | None = None) -> Rows:
    return rows(PRODUCTION, target, shown or 64, window)


def noisy(name: str, right: Any, by: Any) -> Any:
    """Off by a normal error with a standard deviation for each position."""
    drawn = np.random.default_rng([len(name), len(right)]).normal(size=right.shape)
    return right + drawn * np.broadcast_to(by, len(right))[:, None]


def where(chosen: Any) -> Fault:
    """Other logits at the positions that are chosen by name and numbers `[T]`."""
    return lambda name, right: noisy(name, right, 3.0 * chosen(name, np.arange(len(right))))


def biased(*tokens: int, by: float) -> Fault:
    return lambda _, right: right + by * np.isin(np.arange(right.shape[1]), tokens)


def decoded(name: str, n: Any) -> Any:
    return n >= PROMPTS[name][0]


ROW = {"long": 40, "middle": 10, "straight": 24, "short": 2, "one": 0}
"""Half of a prompt came from a cache, and was shorter than the target thought."""

FAULTS: dict[str, tuple[Fault, str]] = {
    "half the logits": (lambda _, right: right / 2, "flatter than production's by the factor 0.5"),
    "three times": (lambda _, right: right * 3, "3 times as steep as production's"),
    "a cap": (
        lambda _, right: 9 * np.tanh(right / 9),
        "a soft cap of about 9 on the logits is put on",
    ),
    "no cap": (
        lambda _, right: 16 * np.arctanh(right / 16),
        "a soft cap of about 16 on the logits is left out",
    ),
    "rows of the next": (lambda _, right: np.roll(right, -1, 0), "distribution of the next pos"),
    "rows of the last": (lambda _, right: np.roll(right, 1, 0), "distribution of the position bef"),
    "one row": (lambda _, right: right[-1:].repeat(len(right), 0), "has the same distribution"),
    "a token": (biased(7, by=4.0), "Token 7 is likelier by 4 nats, and all others"),
    "decoded": (where(decoded), "Only positions decoded after a prompt are wrong"),
    "read": (where(lambda name, n: ~decoded(name, n)), "Only positions in the prompts are wrong"),
    "begun": (where(lambda name, n: n == PROMPTS[name][0]), "the first that is decoded"),
    "ended": (where(lambda name, n: n == PROMPTS[name][0] - 1), "the last of the prompt"),
    "slot": (where(lambda _, n: n % 16 == 0), "only one position in 16 is wrong, the first"),
    "slots": (where(lambda _, n: n % 32 == 31), "one position in 32 is wrong, the last"),
    "prompt": (where(lambda name, n: (name == "middle") & (n >= 0)), "Only prompt middle is wrong"),
    "hit": (where(lambda name, n: n >= ROW[name]), "Each prompt is right up to a position of its"),
    "onset": (where(lambda _, n: n >= 48), "Everything is right before position 48 and wrong"),
    "drift": (
        lambda name, right: noisy(name, right, 2e-3 * np.arange(len(right)).clip(0, 99) ** 1.5),
        "onward drifts: the difference grows with position",
    ),
    "attention": (where(lambda _, n: n > 0), "The first position is right and all after it"),
    "fade": (
        lambda name, right: noisy(name, right, 3 / np.arange(1, len(right) + 1)),
        "is largest at the first positions and fades",
    ),
    "rounding": (lambda name, right: noisy(name, right, 0.3), "small and alike at all positions"),
    "all": (lambda name, right: noisy(name, right, 5.0), "Every position is wrong, the first incl"),
}


@pytest.mark.parametrize("shown", [None, 20])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named(name: str, shown: int | None) -> None:
    fault, expected = FAULTS[name]
    said = diagnose(look(faulty(fault, shown), shown))
    assert said is not None and expected.lower() in said.lower(), said
    assert said[0].isupper() and said.endswith(".")


def test_what_five_tokens_show_is_not_told_for_another_fault() -> None:
    """With less to see there may be no diagnosis; a wrong one there may not be."""
    for name, (fault, expected) in FAULTS.items():
        said = diagnose(look(faulty(fault, 5, seed=2), 5))
        allowed = (expected, "small and alike", "as steep as", "flatter than")
        assert said is None or any(words.lower() in said.lower() for words in allowed), (name, said)


def test_a_known_window_is_named() -> None:
    """The first positions beyond a window miss one token only, and half of them look right."""
    fault = where(lambda name, n: (n >= 40) & ((n % 2 == 1) | (n > 60)))
    assert "model's sliding window" in str(diagnose(look(faulty(fault), window=40)))
    assert "model's sliding window" not in str(diagnose(look(faulty(fault), window=32)))
    assert "model's sliding window" not in str(diagnose(look(faulty(fault))))


@pytest.mark.parametrize(
    ("begin", "late"), [(37, 0), (100, 0), (48, 0), (48, 3), (64, 2), (128, 1)]
)
def test_an_onset_is_placed_at_the_boundary(begin: int, late: int) -> None:
    """Up to three positions beyond a round number may still look right."""
    fault = where(lambda _, n: n >= begin + late)
    assert f"before position {begin} " in str(diagnose(look(faulty(fault))))


def test_an_onset_between_positions_that_were_seen_is_about_there() -> None:
    fault = where(lambda _, n: n >= 57)
    seldom = {
        name: noise.at(r, r.positions[(r.positions + 1) % 12 < 4])
        for name, r in faulty(fault).items()
    }
    assert "before about position 59 " in str(diagnose(look(seldom)))


@settings(max_examples=10)
@given(st.integers(0, 1 << 16), st.sampled_from([None, 20, 5]))
def test_nothing_is_told_of_what_configurations_differ_by(seed: int, shown: int | None) -> None:
    assert diagnose(look(seen(rounded(logits(), seed), shown), shown)) is None


@settings(max_examples=10)
@given(st.integers(0, 1 << 16), st.floats(0.1, 3), st.floats(0.02, 0.5))
def test_nothing_is_told_of_faults_without_a_pattern(seed: int, by: float, share: float) -> None:
    """Rows that are off at random places have no place."""
    drawn = np.random.default_rng(seed)
    fault = where(lambda _, n: by * (drawn.random(len(n)) < share))
    assert diagnose(look(faulty(fault))) is None


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_told_of_a_few_rows(name: str) -> None:
    target = faulty(FAULTS[name][0])
    few = {"long": noise.at(target["long"], np.arange(ENOUGH - 1))}
    assert diagnose(look(few)) is None
    assert diagnose(look({})) is None


def test_sixteen_rows_are_enough_and_one_that_is_wrong() -> None:
    target = faulty(FAULTS["half the logits"][0])
    few = {"long": noise.at(target["long"], np.arange(ENOUGH))}
    assert diagnose(look(few)) == (
        "Log probabilities are flatter than production's by the factor 0.5, as logits are that "
        "were scaled by it, or capped, or that a temperature of 2 divided."
    )
    found = look(few)
    assert diagnose(replace(found, limit=found.kl)) is None


def test_an_api_that_tells_no_logits_shows_no_cap() -> None:
    """Log probabilities are logits less a constant that is not known: the curve has no origin."""
    right = PRODUCTION.snapshot.prompts
    told = {
        name: replace(
            found,
            top_logits=found.top_logits - found.logsumexp[:, None],
            logsumexp=np.zeros_like(found.logsumexp),
        )
        for name, found in right.items()
    }
    other = replace(PRODUCTION, snapshot=replace(PRODUCTION.snapshot, prompts=told))
    found = rows(other, faulty(FAULTS["no cap"][0]), 64)
    assert "soft cap of" not in str(diagnose(found))
