"""Logits as they are kept: checked, and reduced to the most likely tokens where they are many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from conformance.targets.runners.contract import Broken, Logits
from fixtures.snapshots import TOP, WHOLE, Recorded


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


def recorded(token_ids: Sequence[int], logits: Logits, first: int = 0) -> Recorded:
    """Rows of a sequence that was given, as a snapshot keeps them.

    Logits are kept less the logarithm of their exponentials' sum, which is 0 then: in float32 such
    a sum is off by up to a millionth, as far as engines in float32 are from themselves.

    Args:
        logits: `[N, vocabulary]`, of the positions from `first` on.
    """
    peak = logits.max(axis=1, keepdims=True)
    total = np.exp((logits - peak).astype(np.float64)).sum(axis=1, keepdims=True)
    kept = logits.shape[1] if logits.shape[1] <= WHOLE else TOP
    top = np.argpartition(-logits, kept - 1, axis=1)[:, :kept]
    values = np.take_along_axis(logits, top, axis=1).astype(np.float64) - peak - np.log(total)
    order = np.argsort(-values, axis=1, kind="stable")
    return Recorded(
        token_ids=np.array(token_ids, dtype=np.int32),
        prompt_length=len(token_ids),
        positions=np.arange(first, first + len(logits), dtype=np.int32),
        top_ids=np.take_along_axis(top, order, axis=1).astype(np.int32),
        top_logits=np.take_along_axis(values, order, axis=1).astype(np.float32),
        logsumexp=np.zeros(len(logits), dtype=np.float32),
    )
