"""What a difference looks like: patterns that known faults leave, told in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fixtures.snapshots import Recorded, noise

RANKED = 20
"""Production's likeliest tokens whose order is compared."""


@dataclass(frozen=True)
class Rows:
    """Every position that was compared.

    Attributes:
        prompts: `[N]`, names; positions: `[N]`; kl: `[N]`, nats.
        production, target: by prompt, the rows of these positions and no others.
    """

    prompts: tuple[str, ...]
    positions: NDArray[np.int32]
    kl: NDArray[np.float64]
    production: Mapping[str, Recorded]
    target: Mapping[str, Recorded]

    def where_largest(self) -> str:
        """The place of the largest difference, as the end of a sentence."""
        if not len(self.kl):
            return "nowhere"
        row = int(self.kl.argmax())
        return f"at position {self.positions[row]} of prompt {self.prompts[row]}"

    def rank_agreement(self) -> float:
        """Mean share of pairs of production's likeliest tokens that the target ranks alike."""
        shares = [
            _alike(self.production[name], self.target[name]) for name in dict.fromkeys(self.prompts)
        ]
        return float(np.concatenate(shares).mean()) if shares else 1.0


def rows(production: Mapping[str, Recorded], target: Mapping[str, Recorded]) -> Rows:
    """What both saw, aligned: row n of a prompt is the same position in both."""
    names: list[str] = []
    left: dict[str, Recorded] = {}
    right: dict[str, Recorded] = {}
    for name in sorted(production.keys() & target.keys()):
        common = noise.common_positions(production[name], target[name])
        if len(common):
            left[name] = noise.at(production[name], common)
            right[name] = noise.at(target[name], common)
            names += [name] * len(common)
    return Rows(
        tuple(names),
        np.concatenate([left[name].positions for name in left] or [np.zeros(0, np.int32)]),
        np.concatenate([noise.kl(left[name], right[name]) for name in left] or [np.zeros(0)]),
        left,
        right,
    )


def diagnose(found: Rows) -> str | None:
    """The known pattern that a difference follows, in a sentence; None if it follows none."""
    return None


def _alike(production: Recorded, target: Recorded) -> NDArray[np.float64]:
    """Per row, the share of pairs of tokens that both rank in the same order, `[N]`.

    Pairs that production has equal say nothing, and tokens that the target does not show come
    after all that it shows.
    """
    k = min(RANKED, production.top_ids.shape[1], target.top_ids.shape[1])
    ids, logits = production.top_ids[:, :k], production.top_logits[:, :k]
    found = ids[:, :, None] == target.top_ids[:, None, :]  # [N, k, shown]
    place = np.where(found.any(2), found.argmax(2), target.top_ids.shape[1])
    before = logits[:, :, None] > logits[:, None, :]
    same = place[:, :, None] < place[:, None, :]
    pairs = before.sum((1, 2))
    return np.where(pairs, (before & same).sum((1, 2)) / np.maximum(pairs, 1), 1.0)
