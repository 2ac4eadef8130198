"""How near a target must be to itself, where only the way changes in which tokens go through it.

Production's own measure is one of two. **Steady** is how far one configuration of it is from
itself: alone or in a batch, decoded in place of prefilled, with a warm prefix cache, in other
chunks. On one GPU it has the same kernels for all of these, and most rows come out bit for bit the
same. An engine may have one kernel for decoding and another for prefill, and be as near to the
function by each: then its ways differ as production's **kernels** in one dtype differ.

In float32 production was recorded with one set of kernels. What others would do is not measured
there but derived, from the bound of the goldens: every logit of a computation in float32 is within
b of the function, so two differ by Δ within ±2b. Then |Δ log probability| is at most 4b, and

    KL(p || q) = log E_p[exp Δ] - E_p[Δ] ≤ (max Δ - min Δ)² / 8 ≤ 2b²

by Hoeffding's lemma (1963), with q ∝ p · exp Δ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from conformance.compare.production import Production
from fixtures.snapshots import Recorded, Snapshot, bands, noise
from fixtures.snapshots.bands import Band
from fixtures.snapshots.configurations import ANCHOR, BY_NAME, DEFAULT

CHUNKINGS = ("bfloat16-chunks", "bfloat16-unchunked")
"""Configurations that depart from the default in the size of its steps only."""

KL = ("kl_mean", "kl_p99", "kl_max")
LOGPROB = ("logprob_p99", "logprob_max", "parted")
"""Figures of a band in nats of each kind."""

ENOUGH = 10
"""Pairs: those of the five ways that the default or the anchor was recorded in."""


@dataclass(frozen=True)
class Itself(Production):
    """A target as it was seen one way, in production's place: other ways are compared with it.

    Attributes:
        dtype: of the configurations of production that its band is taken from.
        steady: whether that is of one configuration with itself, or of all with each other.
        bound: b as above, where other kernels are granted what float32 may lose; else 0.
    """

    dtype: str
    steady: bool
    bound: float

    @classmethod
    def of(
        cls,
        production: Production,
        dtype: str | None,
        seen: Mapping[str, Recorded],
        *,
        steady: bool = False,
        float32_bound: float = 0.0,
    ) -> Itself:
        """What a target showed, with production's band in the target's dtype; where production
        was not recorded in all ways in that, in bfloat16; and of other kernels, where it was not
        in bfloat16 either, because its default's recordings are not sound.

        Args:
            float32_bound: how far a logit in float32 may lie from the function, if known.
        """
        if dtype is None or len(_pairs(production.noise, dtype, steady=steady)) < ENOUGH:
            dtype = DEFAULT.dtype
        steady = steady and len(_pairs(production.noise, dtype, steady=True)) >= ENOUGH
        snapshot = Snapshot(dict(seen), production.snapshot.provenance)
        bound = float32_bound if dtype == ANCHOR.dtype and not steady else 0.0
        named = production.model, production.configuration, snapshot, production.noise
        return cls(*named, dtype, steady, bound)

    def band(self, shown: int | None = None, *, generated: bool = False) -> Band:
        """As for production, or what float32 may lose; and a margin of `logprob_max` at least.

        Where no favourite changed in production, its margin is 0 by luck: two log probabilities of
        which each may be off by so much may change places.
        """
        found = super().band(shown, generated=generated)
        derived = dict.fromkeys(KL, 2 * self.bound**2) | dict.fromkeys(LOGPROB, 4 * self.bound)
        found = replace(
            found, **{name: max(getattr(found, name), least) for name, least in derived.items()}
        )
        return replace(found, margin=max(found.margin, found.logprob_max))

    def faults(self) -> None:
        """None: what a fault changes in production says nothing of a change from itself."""

    def pairs(self) -> list[Mapping[str, Any]]:
        """The pairs of production in which only the way differs, or the kernels do too."""
        return _pairs(self.noise, self.dtype, steady=self.steady)

    def reach(self, shown: int | None, *, generated: bool = False) -> Mapping[str, float]:
        """As for production as a whole, with one way or one configuration left out at a time."""
        return _reach(self.dtype, self.steady, shown, generated)


def _pairs(measured: Mapping[str, Any], dtype: str, *, steady: bool) -> list[Mapping[str, Any]]:
    names = [name for name, found in BY_NAME.items() if found.dtype == dtype]
    found: list[Mapping[str, Any]] = []
    for name in names:
        found += bands.sound(measured, name, [name] if steady else names)
    if steady and dtype == DEFAULT.dtype:
        found += bands.sound(measured, DEFAULT.name, CHUNKINGS)
    return found


@cache
def _reach(dtype: str, steady: bool, shown: int | None, generated: bool) -> Mapping[str, float]:
    found = dict.fromkeys(bands.FIGURES, 1.0)
    for measured in bands.on_file().values():
        pairs = _pairs(measured, dtype, steady=steady)
        if len(pairs) < ENOUGH:
            continue
        for trial in _trials(measured, pairs, steady=steady):
            alone = [pair for pair in pairs if trial & _sides(pair)]
            rest = [pair for pair in pairs if not trial & _sides(pair)]
            if rest:
                bands.widen(found, bands.beyond(alone, rest, shown=shown, generated=generated))
    return found


def _trials(
    measured: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]], *, steady: bool
) -> list[frozenset[str]]:
    """Recordings, as sets of names, that are left out together: a way, or a configuration."""
    recordings = {side for pair in pairs for side in _sides(pair)}
    configurations = {noise.configuration(side) for side in recordings}
    if steady or len(configurations) == 1:
        return [frozenset({side}) for side in sorted(recordings)]
    return [
        frozenset(side for side in recordings if noise.configuration(side) in trial)
        for trial in bands.alike(measured, configurations)
    ]


def _sides(pair: Mapping[str, Any]) -> set[str]:
    return {str(pair["reference"]), str(pair["other"])}
