"""What chance does to a figure: a mean or percentile of few positions is known only so well.

A limit is the largest figure of any legitimate configuration over all of production's positions.
A target is compared at some of them, and its figure there is an estimate of that of all. How good
an estimate it is, its own positions tell: they are drawn again, with replacement, and the spread
of the figure over such draws is its standard error (Efron's bootstrap). It is taken as a share of
the figure, so that a target that is far off grants itself no more than one that is at its limit.
A maximum has no such error to speak of, and is granted none.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.compare.rows import Floats
from fixtures.snapshots.noise import LIKELY

DRAWS = 200
"""So many tell a standard error to within a twentieth of itself."""

ERRORS = 3.0
"""Standard errors that are put down to chance: one figure in 740 is further out by chance."""


def stretched(kl: Floats, logprobs: Floats) -> dict[str, float]:
    """Factors that limits are multiplied by, by the names of `noise.Band`'s figures; 1 where none.

    Args:
        kl: `[N]`, by position.
        logprobs: `[2, N, k]`, of production's likeliest tokens in both; NaN where not shown.
    """
    count = len(kl)
    if count < 2:
        return {}
    production, target = logprobs
    apart = np.abs(production - target)
    told = (production >= math.log(LIKELY)) & ~np.isnan(apart)
    position, _ = np.nonzero(told)
    # The same evidence always comes to the same verdict.
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=DRAWS)
    figures = {
        "kl_mean": drawn @ kl / count,
        "kl_p99": _percentile(kl, drawn),
        "logprob_p99": _percentile(apart[told], drawn[:, position]),
    }
    return {
        name: 1 + ERRORS * float(found.std() / found.mean())
        for name, found in figures.items()
        if found.any()
    }


def _percentile(values: Floats, times: NDArray[Any]) -> Floats:
    """The 99th percentile of values `[M]` that occur so often in each draw `[DRAWS, M]`."""
    if not len(values):
        return np.zeros(len(times))
    order = np.argsort(values)
    reached = np.cumsum(times[:, order], axis=1)
    place = (reached < 0.99 * reached[:, -1:]).sum(axis=1)
    return np.asarray(values[order][np.minimum(place, len(values) - 1)])
