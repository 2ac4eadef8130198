"""A comparison with the requests behind it: what is worst, and which request shows that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from conformance.compare import diagnosis
from conformance.compare.parity import Parity, Recordings
from conformance.evidence import Exchange
from fixtures.snapshots import noise

Place = tuple[str, int]
"""A prompt's name and a position in it."""


@dataclass(frozen=True)
class Compared:
    """What was compared, and what it came to.

    Attributes:
        reference: production, or the server itself in other circumstances.
        exchange: the request that showed a position of a prompt.
    """

    parity: Parity
    reference: Recordings
    seen: Recordings
    exchange: Callable[[str, int], Exchange | None]

    @cached_property
    def rows(self) -> diagnosis.Rows:
        """Every position that was compared."""
        return diagnosis.rows(self.reference, self.seen)

    @cached_property
    def margins(self) -> dict[Place, float]:
        """By how much the reference preferred its favourite to the other's, nats."""
        found = {}
        for name, recorded in self.rows.production.items():
            margins = noise.margins(recorded, self.rows.target[name].top_ids[:, 0])
            for position, margin in zip(recorded.positions, np.nan_to_num(margins), strict=True):
                found[name, int(position)] = float(margin)
        return found

    def worst(self, figure: str) -> Place:
        """Where a figure is largest."""
        if figure == "margin":
            return max(self.margins, key=lambda place: self.margins[place])
        if figure.startswith("logprob"):
            apart = self._apart()
            return max(apart, key=lambda place: apart[place])
        return self._place(int(self.rows.kl.argmax()))

    def worst_between(self, begin: int, end: int) -> Place:
        """Where the KL divergence is largest, of positions from `begin` to before `end`."""
        inside = (self.rows.positions >= begin) & (self.rows.positions < end)
        return self._place(int(np.where(inside, self.rows.kl, -1).argmax()))

    def _place(self, row: int) -> Place:
        return self.rows.prompts[row], int(self.rows.positions[row])

    def _apart(self) -> dict[Place, float]:
        """The largest difference of a likely token's log probability, nats."""
        found = {}
        for name, recorded in self.rows.production.items():
            for position in recorded.positions:
                at = np.array([position])
                likely, _, _ = noise.logprob_differences(
                    noise.at(recorded, at), noise.at(self.rows.target[name], at)
                )
                found[name, int(position)] = float(likely.max()) if len(likely) else 0.0
        return found
