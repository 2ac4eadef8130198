"""How near a target must be to itself, where only the way changes in which tokens go through it.

Production's own measure: one configuration with itself, alone or in a batch, decoded in place of
prefilled, with a warm prefix cache, in other chunks. Kernels and dtypes stay the same in such a
pair, so the band is much narrower than the one around production.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from conformance.compare.production import Production
from fixtures.snapshots import Recorded, Snapshot, noise
from fixtures.snapshots.configurations import BY_NAME, DEFAULT

CHUNKINGS = ("bfloat16-chunks", "bfloat16-unchunked")
"""Configurations that depart from the default in the size of its steps only."""

ENOUGH = 10
"""Pairs: those of the five ways that the default or the anchor was recorded in."""

_SIDES = ("reference", "other")


@dataclass(frozen=True)
class Itself(Production):
    """A target as it was seen one way, in production's place: other ways are compared with it.

    Attributes:
        dtype: of the configurations of production that its band is taken from.
    """

    dtype: str

    @classmethod
    def of(cls, production: Production, dtype: str | None, seen: Mapping[str, Recorded]) -> Itself:
        """What a target showed, with production's band in the target's dtype; where production
        was not recorded in all ways in that, in bfloat16."""
        if dtype is None or len(_pairs(production.noise, dtype)) < ENOUGH:
            dtype = DEFAULT.dtype
        snapshot = Snapshot(dict(seen), production.snapshot.provenance)
        return cls(production.model, production.configuration, snapshot, production.noise, dtype)

    def pairs(self) -> list[Mapping[str, Any]]:
        """The pairs of production in which only the way differs.

        Those around production where there are too few: where the default's recordings are not
        sound, nothing but decoding was recorded of any configuration in that dtype.
        """
        found = _pairs(self.noise, self.dtype)
        return found if len(found) >= ENOUGH else super().pairs()

    def reach(self, shown: int | None) -> Mapping[str, float]:
        """As for production as a whole, leaving out one recording of a way at a time."""
        found = _pairs(self.noise, self.dtype)
        return _reach(self.dtype, shown) if len(found) >= ENOUGH else super().reach(shown)


def _pairs(measured: Mapping[str, Any], dtype: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for name, configuration in BY_NAME.items():
        if configuration.dtype == dtype:
            found += noise.sound(measured, name, [name])
    if dtype == DEFAULT.dtype:
        found += noise.sound(measured, DEFAULT.name, CHUNKINGS)
    return found


@cache
def _reach(dtype: str, shown: int | None) -> Mapping[str, float]:
    found = dict.fromkeys(noise.FIGURES, 1.0)
    for measured in noise.on_file().values():
        pairs = _pairs(measured, dtype)
        recordings = {pair[side] for pair in pairs for side in _SIDES if len(pairs) >= ENOUGH}
        for left_out in sorted(recordings):
            alone = [pair for pair in pairs if left_out in (pair[side] for side in _SIDES)]
            rest = [pair for pair in pairs if pair not in alone]
            if not rest:
                continue
            outer, inner = (noise.band_of(some, shown=shown) for some in (alone, rest))
            for figure in noise.FIGURES:
                if getattr(inner, figure) > 0:
                    quotient = getattr(outer, figure) / getattr(inner, figure)
                    found[figure] = max(found[figure], quotient)
    return found
