"""How far logits lie from a golden: the place and the size of the one difference that was made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from handmade import recorded
from numpy.typing import NDArray

from conformance.compare.goldens import Distance, distance
from fixtures.goldens import Golden
from fixtures.snapshots import Recorded

VOCABULARY, TOP = 6, 2
LOGITS = {
    name: np.random.default_rng(seed).normal(0, 2, (length, VOCABULARY))
    for seed, (name, length) in enumerate({"whole": 5, "top": 4}.items())
}
WHOLE = np.array([1, 3])
"""Positions of the prompt `whole` at which the golden has the whole vocabulary."""


def golden() -> Golden:
    tensors: dict[str, NDArray[Any]] = {"whole/positions": WHOLE}
    tensors["whole/float64/logits"] = LOGITS["whole"][WHOLE]
    for name, logits in LOGITS.items():
        ids = np.argsort(-logits, axis=1)[:, :TOP]
        tensors[f"{name}/top_ids"] = ids
        tensors[f"{name}/float64/top_logits"] = np.take_along_axis(logits, ids, axis=1)
        tensors[f"{name}/float64/logsumexp"] = np.log(np.exp(logits).sum(1))
    prompts = {name: list(range(len(logits))) for name, logits in LOGITS.items()}
    return Golden(tensors, {"prompts": prompts, "float32_bound": 1e-5})


def seen(first: int = 0, k: int | None = None, **changed: tuple[int, int, float]) -> dict[str, Any]:
    """The golden's logits and a constant, up to one that is another: position, rank, by how much.

    Each prompt is followed by a token of the answer, which no golden knows.
    """
    found: dict[str, Recorded] = {}
    for name, right in LOGITS.items():
        logits = np.concatenate([right, right[:1]]) + 3.0
        if name in changed:
            position, rank, by = changed[name]
            logits[position, np.argsort(-logits[position])[rank]] -= by
        found[name] = recorded(logits, [*range(len(right)), 0], prompt=len(right), first=first, k=k)
    return found


def test_a_constant_is_no_distance():
    found = distance(golden(), seen())
    assert found.inside
    assert found == Distance(found.worst, 2e-5, found.where, 9)
    assert 0 < found.worst < 2e-6


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"whole": (4, 0, 1.0)}, "at position 4 of prompt whole"),
        ({"top": (2, 1, 1.0)}, "at position 2 of prompt top"),
        ({"whole": (3, 5, 1.0)}, "at position 3 of prompt whole"),
        ({"whole": (1, 4, 1.0)}, "at position 1 of prompt whole"),
        ({"top": (0, 0, 2.0), "whole": (2, 0, 0.1)}, "at position 0 of prompt top"),
        ({"top": (0, 0, 0.1), "whole": (2, 0, 2.0)}, "at position 2 of prompt whole"),
    ],
)
def test_the_largest_difference_is_found_where_it_is(changed, where):
    found = distance(golden(), seen(**changed))
    assert not found.inside
    assert (found.where, found.positions) == (where, 9)
    ((name, (position, rank, by)),) = [
        (name, each) for name, each in changed.items() if name == where.split()[-1]
    ]
    right = LOGITS[name][position]
    wrong = right.copy()
    wrong[np.argsort(-right)[rank]] -= by
    apart = np.log(np.exp(right).sum()) - np.log(np.exp(wrong).sum()) - (right - wrong)
    assert found.worst == pytest.approx(np.abs(apart).max(), abs=1e-5)


def test_a_token_beyond_the_top_shows_where_the_golden_has_it_and_nowhere_else():
    """What it takes from the others is spread over all of them, and small."""
    assert distance(golden(), seen(whole=(2, 5, 5.0))).worst < 0.2
    assert distance(golden(), seen(whole=(1, 5, 5.0))).worst > 4.5


def test_a_likely_token_that_is_not_kept_is_infinitely_far():
    assert distance(golden(), seen(k=1)).worst == np.inf


def test_other_texts_and_positions_are_left_out():
    found = seen(first=2)
    assert distance(golden(), found).positions == 5
    other = {"whole": found["top"], "top": found["top"], "unknown": found["top"]}
    only = distance(golden(), other)
    assert (only.positions, only.where.split()[-1]) == (2, "top")
    late = {"whole": seen(first=5)["whole"], "top": seen()["top"]}
    assert distance(golden(), late).positions == 4
    nothing = Distance(0.0, 2e-5, "nowhere", 0)
    assert distance(golden(), {}) == nothing
    assert distance(golden(), {"top": seen(first=4)["top"]}) == nothing
    assert nothing.inside and not Distance(2.1e-5, 2e-5, "nowhere", 0).inside
    assert Distance(2e-5, 2e-5, "nowhere", 0).inside
