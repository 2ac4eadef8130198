"""How near a target must be to itself, where only the way changes in which tokens go through it.

Production's own measure: one configuration with itself, alone or in a batch, decoded in place of
prefilled, with a warm prefix cache, in other chunks. Kernels and dtypes stay the same in such a
pair, so the band is much narrower than the one around production.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.compare.production import Production
from fixtures.snapshots import Recorded, Snapshot, noise
from fixtures.snapshots.configurations import BY_NAME, DEFAULT

CHUNKINGS = ("bfloat16-chunks", "bfloat16-unchunked")
"""Configurations that depart from the default in the size of its steps only."""


@dataclass(frozen=True)
class Itself(Production):
    """A target as it was seen one way, in production's place: other ways are compared with it."""

    dtype: str

    @classmethod
    def of(cls, production: Production, dtype: str | None, seen: Mapping[str, Recorded]) -> Itself:
        """What a target showed, with production's band in the target's dtype; where production
        does not run in that, in the dtype that the target is compared with."""
        if dtype is None or not _pairs(production.noise, dtype):
            dtype = BY_NAME[production.configuration].dtype
        snapshot = Snapshot(dict(seen), production.snapshot.provenance)
        return cls(production.model, production.configuration, snapshot, production.noise, dtype)

    def pairs(self) -> list[Mapping[str, Any]]:
        """The pairs of production in which only the way differs."""
        return _pairs(self.noise, self.dtype)


def _pairs(measured: Mapping[str, Any], dtype: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for name, configuration in BY_NAME.items():
        if configuration.dtype == dtype:
            found += noise.sound(measured, name, [name])
    if dtype == DEFAULT.dtype:
        found += noise.sound(measured, DEFAULT.name, CHUNKINGS)
    return found
