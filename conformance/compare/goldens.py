"""Logits in float32 beside the goldens: float64 on a CPU, and how far float32 may lie from it.

A golden's bound is of a logit. What is compared is the log probability, in which a constant that
a runner adds to all logits does not show; it is within twice that, since a logit and the logarithm
of the sum are each within the bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fixtures.goldens import Golden
from fixtures.snapshots import Recorded


@dataclass(frozen=True)
class Distance:
    """How far log probabilities lie from the golden's.

    Attributes:
        worst: the largest difference, nats; infinite where a likely token is not among those kept.
        bound: the most that float32 excuses.
        where: the place of the largest, as the end of a sentence.
        positions: how many were compared.
    """

    worst: float
    bound: float
    where: str
    positions: int

    @property
    def inside(self) -> bool:
        return self.worst <= self.bound


def distance(golden: Golden, seen: Mapping[str, Recorded]) -> Distance:
    """The largest difference at any position of any prompt that begins a sequence that was seen.

    At every position the golden's likeliest tokens are compared, and where it holds the whole
    vocabulary, all.
    """
    worst, where, positions = 0.0, "nowhere", 0
    for name, prompt in golden.prompts.items():
        found = seen.get(name)
        if found is None or found.token_ids[: len(prompt)].tolist() != prompt:
            continue
        rows = np.flatnonzero(found.positions < len(prompt))
        places = found.positions[rows]
        if not len(rows):
            continue
        positions += len(rows)
        apart = _apart(golden, name, places, found, rows)
        if apart.size and apart.max() > worst:
            worst = float(apart.max())
            where = f"at position {places[int(apart.argmax())]} of prompt {name}"
    return Distance(worst, 2 * float(golden.provenance["float32_bound"]), where, positions)


def _apart(
    golden: Golden,
    name: str,
    places: NDArray[np.int32],
    found: Recorded,
    rows: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The largest difference at each position, `[N]`."""
    tensors = golden.tensors
    total = tensors[f"{name}/float64/logsumexp"]
    ids = tensors[f"{name}/top_ids"][places]  # [N, k]
    true = tensors[f"{name}/float64/top_logits"][places] - total[places, None]
    apart = np.abs(_logprobs(found, rows, ids) - true).max(axis=1)
    if f"{name}/positions" in tensors:
        whole = tensors[f"{name}/positions"]
        at, mine, theirs = np.intersect1d(places, whole, return_indices=True)
        true = tensors[f"{name}/float64/logits"][theirs] - total[at, None]
        every = np.broadcast_to(np.arange(true.shape[1]), true.shape)
        more = np.abs(_logprobs(found, rows[mine], every) - true).max(axis=1)
        apart[mine] = np.maximum(apart[mine], more)
    return np.asarray(apart)


def _logprobs(
    found: Recorded, rows: NDArray[np.int64], ids: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Log probabilities of tokens `[N, k]` at some rows; minus infinity where not kept."""
    kept, logprobs = found.top_ids[rows], found.logprobs[rows]
    wide = np.full((len(rows), int(max(kept.max(), ids.max())) + 1), -np.inf)
    np.put_along_axis(wide, kept, logprobs, axis=1)
    return np.asarray(np.take_along_axis(wide, np.asarray(ids, dtype=np.int64), axis=1))
