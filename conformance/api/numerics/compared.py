"""A comparison with the requests behind it: what is worst, and which request shows that."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from conformance.compare.parity import Parity
from conformance.compare.production import Production
from conformance.compare.rows import Floats, Rows, rows
from conformance.evidence import Exchange
from fixtures.snapshots import Recorded, noise


@dataclass(frozen=True)
class Compared:
    """What was compared, and what it came to.

    Attributes:
        production: what with; the server itself in other circumstances where that is the question.
        exchange: the request that showed a position of a prompt.
    """

    parity: Parity
    production: Production
    seen: Mapping[str, Recorded]
    exchange: Callable[[str, int], Exchange | None]

    @cached_property
    def rows(self) -> Rows:
        """Every position that was compared."""
        return rows(self.production, self.seen, self.parity.shown)

    def worst(self, figure: str) -> tuple[str, int]:
        """Prompt and position where a figure is largest."""
        if figure == "margin":
            return self._at(self.rows.margins)
        if figure.startswith("logprob"):
            production, target = self.rows.logprobs
            likely = production >= math.log(noise.LIKELY)
            return self._at(np.nan_to_num(np.abs(production - target) * likely).max(axis=1))
        return self._at(self.rows.kl)

    def worst_from(self, begin: int, end: int) -> tuple[str, int]:
        """Where the KL divergence is largest, of positions from `begin` to before `end`."""
        inside = (self.rows.positions >= begin) & (self.rows.positions < end)
        return self._at(np.where(inside, self.rows.kl, -1.0))

    def _at(self, values: Floats) -> tuple[str, int]:
        row = int(values.argmax())
        return str(self.rows.names[row]), int(self.rows.positions[row])
