"""How near a target must be to itself, where only the way changes in which tokens go through it.

Production's own measure is one of two. **Steady** is how far one configuration of it is from
itself: alone or in a batch, decoded in place of prefilled, with a warm prefix cache, in other
chunks. On one GPU it has the same kernels for all of these, and most rows come out bit for bit the
same. An engine may have one kernel for decoding and another for prefill, and be as near to the
function by each: then its ways differ as production's **kernels** in one dtype differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from conformance.compare.production import Production
from fixtures.snapshots import Recorded, Snapshot, noise
from fixtures.snapshots.configurations import BY_NAME, DEFAULT
from fixtures.snapshots.noise import Band

CHUNKINGS = ("bfloat16-chunks", "bfloat16-unchunked")
"""Configurations that depart from the default in the size of its steps only."""

ENOUGH = 10
"""Pairs: those of the five ways that the default or the anchor was recorded in."""


@dataclass(frozen=True)
class Itself(Production):
    """A target as it was seen one way, in production's place: other ways are compared with it.

    Attributes:
        dtype: of the configurations of production that its band is taken from.
        steady: whether that is of one configuration with itself, or of all with each other.
    """

    dtype: str
    steady: bool

    @classmethod
    def of(
        cls,
        production: Production,
        dtype: str | None,
        seen: Mapping[str, Recorded],
        *,
        steady: bool = False,
    ) -> Itself:
        """What a target showed, with production's band in the target's dtype; where production
        was not recorded in all ways in that, in bfloat16; and of other kernels, where it was not
        in bfloat16 either, because its default's recordings are not sound."""
        if dtype is None or len(_pairs(production.noise, dtype, steady=steady)) < ENOUGH:
            dtype = DEFAULT.dtype
        steady = steady and len(_pairs(production.noise, dtype, steady=True)) >= ENOUGH
        snapshot = Snapshot(dict(seen), production.snapshot.provenance)
        return cls(
            production.model, production.configuration, snapshot, production.noise, dtype, steady
        )

    def band(self, shown: int | None = None) -> Band:
        """As for production, and a margin of `logprob_max` at least.

        Where no favourite changed in production, its margin is 0 by luck: two log probabilities of
        which each may be off by so much may change places.
        """
        found = super().band(shown)
        return replace(found, margin=max(found.margin, found.logprob_max))

    def pairs(self) -> list[Mapping[str, Any]]:
        """The pairs of production in which only the way differs, or the kernels do too."""
        return _pairs(self.noise, self.dtype, steady=self.steady)

    def reach(self, shown: int | None) -> Mapping[str, float]:
        """As for production as a whole, with one way or one configuration left out at a time."""
        return _reach(self.dtype, self.steady, shown)


def _pairs(measured: Mapping[str, Any], dtype: str, *, steady: bool) -> list[Mapping[str, Any]]:
    names = [name for name, found in BY_NAME.items() if found.dtype == dtype]
    found: list[Mapping[str, Any]] = []
    for name in names:
        found += noise.sound(measured, name, [name] if steady else names)
    if steady and dtype == DEFAULT.dtype:
        found += noise.sound(measured, DEFAULT.name, CHUNKINGS)
    return found


@cache
def _reach(dtype: str, steady: bool, shown: int | None) -> Mapping[str, float]:
    found = dict.fromkeys(noise.FIGURES, 1.0)
    for measured in noise.on_file().values():
        pairs = _pairs(measured, dtype, steady=steady)
        if len(pairs) < ENOUGH:
            continue
        configurations = {noise.configuration(side) for pair in pairs for side in _sides(pair)}
        what = str if steady or len(configurations) == 1 else noise.configuration
        for left_out in sorted({what(side) for pair in pairs for side in _sides(pair)}):
            alone = [pair for pair in pairs if left_out in map(what, _sides(pair))]
            rest = [pair for pair in pairs if left_out not in map(what, _sides(pair))]
            if not rest:
                continue
            outer, inner = (noise.band_of(some, shown=shown) for some in (alone, rest))
            for figure in noise.FIGURES:
                if getattr(inner, figure) > 0:
                    quotient = getattr(outer, figure) / getattr(inner, figure)
                    found[figure] = max(found[figure], quotient)
    return found


def _sides(pair: Mapping[str, Any]) -> tuple[str, str]:
    return str(pair["reference"]), str(pair["other"])
