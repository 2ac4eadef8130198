"""What a difference looks like: patterns that known faults leave, told in a sentence."""

from __future__ import annotations

import numpy as np

from conformance.compare import places, values
from conformance.compare.rows import Rows

ENOUGH = 16
"""Rows without which nothing is told from chance."""

PATTERNS = (*values.PATTERNS, *places.PATTERNS, values.like_rounding, places.everywhere)
"""The most particular first."""


def diagnose(found: Rows) -> str | None:
    """The known pattern that a difference follows, as a sentence without its end; None if none."""
    if len(found.kl) < ENOUGH or not found.wrong.any():
        return None
    with np.errstate(all="ignore"):
        return next((said for pattern in PATTERNS if (said := pattern(found))), None)
