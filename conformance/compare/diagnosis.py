"""What a difference looks like: patterns that known faults leave, told in a sentence."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from conformance.compare import places, positions, values
from conformance.compare.rows import Rows

ENOUGH = 16
"""Rows without which nothing is told from chance."""

PATTERNS: tuple[Callable[[Rows], str | None], ...] = (
    values.one_row_for_all,
    values.shifted,
    values.steeper,
    values.soft_cap,
    values.few_tokens,
    places.only_first_decoded,
    places.only_decoded,
    places.every_block,
    positions.window,
    positions.onset,
    places.only_some_prompts,
    places.part_way,
    positions.fading,
    positions.drift,
    positions.attention,
    values.like_rounding,
    positions.everywhere,
)
"""The most particular first."""


def diagnose(found: Rows) -> str | None:
    """The known pattern that a difference follows, in a sentence; None if it follows none."""
    if len(found.kl) < ENOUGH or not found.wrong.any():
        return None
    with np.errstate(all="ignore"), warnings.catch_warnings():
        # A row of which the target shows none of production's tokens has no mean: it is NaN.
        warnings.simplefilter("ignore", RuntimeWarning)
        said = next((said for pattern in PATTERNS if (said := pattern(found))), None)
    return said and f"{said[0].upper()}{said[1:]}."
