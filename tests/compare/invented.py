"""A production that was made up: random logits, and configurations that round them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from handmade import recorded
from numpy.typing import NDArray

from conformance.compare.production import Production
from fixtures.snapshots import Recorded, Snapshot, noise
from fixtures.snapshots.configurations import ANCHOR

VOCABULARY = 64

PROMPTS: Mapping[str, tuple[int, int]] = {
    "one": (1, 1),
    "short": (4, 48),
    "middle": (33, 80),
    "long": (200, 240),
    "straight": (90, 90),
}
"""By name, how long a prompt is, and with what was generated after it."""

ROUNDING = 0.02
"""Standard deviation of a configuration's logits from the function's."""

Logits = Mapping[str, NDArray[np.float64]]
Fault = Callable[[str, NDArray[np.float64]], NDArray[np.float64]]
"""Wrong logits `[T, VOCABULARY]` of a prompt, from its right ones."""


def logits(seed: int = 0) -> Logits:
    """By prompt, `[T, VOCABULARY]`."""
    drawn = np.random.default_rng(seed)
    return {name: drawn.normal(0, 3, (length, VOCABULARY)) for name, (_, length) in PROMPTS.items()}


def rounded(right: Logits, seed: int, by: float = ROUNDING) -> Logits:
    """The same in another arithmetic."""
    drawn = np.random.default_rng(seed)
    return {name: rows + drawn.normal(0, by, rows.shape) for name, rows in right.items()}


def seen(found: Logits, shown: int | None = None) -> dict[str, Recorded]:
    """As an engine shows it that has so many tokens of a position, all if None."""
    tokens = np.random.default_rng(7)
    return {
        name: recorded(
            rows,
            [int(token) for token in tokens.integers(0, VOCABULARY, len(rows))],
            prompt=PROMPTS[name][0],
            k=shown,
        )
        for name, rows in found.items()
    }


def production(right: Logits | None = None) -> Production:
    """The function itself, and three configurations around it."""
    right = logits() if right is None else right
    snapshot = seen(right)
    others = ("bfloat16", "bfloat16-eager", "bfloat16-triton")
    recordings: dict[str, Any] = {f"{ANCHOR.name}/prefill": snapshot}
    for seed, name in enumerate(others, start=100):
        recordings[f"{name}/prefill"] = seen(rounded(right, seed))
    measured = {**noise.measure(recordings), "model": "invented", "engine_version": "0"}
    return Production("invented", ANCHOR.name, Snapshot(snapshot, {}), measured)


def faulty(fault: Fault, shown: int | None = None, seed: int = 1) -> dict[str, Recorded]:
    """What a target shows that has a fault, and rounds as configurations do."""
    wrong = {name: fault(name, rows) for name, rows in rounded(logits(), seed).items()}
    return seen(wrong, shown)
