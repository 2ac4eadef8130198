"""Logits that a runner gave, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.targets.runners.contract import Broken, Logits


def checked(logits: Any, tokens: int) -> Logits:
    """The logits of some tokens as a float32 array `[tokens, vocabulary]`.

    Raises:
        Broken: they are something else, or not numbers.
    """
    try:
        found = np.asarray(logits)
        if found.dtype.kind not in "fV":  # V: bfloat16 of ml_dtypes
            raise TypeError(f"an array of {found.dtype}")
        found = found.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise Broken(f"The logits are no array of floating point numbers: {error}.") from None
    if found.ndim != 2 or len(found) != tokens:
        raise Broken(f"Logits of {tokens} tokens came with shape {list(found.shape)}.")
    # -inf is what a model says of a token that it never gives.
    wrong = np.isnan(found) | (found == np.inf)
    if wrong.any() or not np.isfinite(found).any(axis=1).all():
        row = int(np.flatnonzero(wrong.any(axis=1) | ~np.isfinite(found).any(axis=1))[0])
        raise Broken(f"The logits at row {row} of {tokens} are not numbers.")
    return found
