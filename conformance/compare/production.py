"""Production as it was recorded: what a target's distribution is compared with, and how closely."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from conformance.outcomes import SuiteError
from fixtures import faults, snapshots
from fixtures.faults import Dictionary, FaultsError
from fixtures.snapshots import Snapshot, SnapshotError, bands, noise
from fixtures.snapshots.bands import Band
from fixtures.snapshots.configurations import ANCHOR, DEFAULT

CUDA = snapshots.FOLDER / "cuda"


@dataclass(frozen=True)
class Production:
    """A model in production.

    Attributes:
        configuration: what is compared with: production's float32, or its default for want of one.
        snapshot: its logits, with prompts and greedy continuations as token ids.
        noise: the content of `noise.json`.
    """

    model: str
    configuration: str
    snapshot: Snapshot
    noise: Mapping[str, Any]

    def band(self, shown: int | None = None, *, generated: bool = False) -> Band:
        """How far a legitimate configuration of production may be from this one.

        That is the band of those that were recorded, times `bands.reach`: what such bands are
        found to lack when one of the recorded configurations is left out.

        Args:
            shown: how many tokens of a position the target shows, all if None. Between two numbers
                that were measured, the wider band of the two is taken, figure by figure.
            generated: whether it shows the distributions of generated tokens only.
        """
        found = [self._band(few, generated) for few in sorted(_measured(shown), key=str)]
        widest = {name: max(getattr(each, name) for each in found) for name in bands.FIGURES}
        return replace(found[0], **widest)

    def _band(self, shown: int | None, generated: bool) -> Band:
        recorded = bands.band_of(self.pairs(), shown=shown, generated=generated)
        reach = self.reach(shown, generated=generated)
        scaled = {name: getattr(recorded, name) * reach[name] for name in bands.FIGURES}
        return replace(recorded, **scaled)

    def pairs(self) -> list[Mapping[str, Any]]:
        """The pairs of recordings that the band is taken from."""
        return bands.sound(self.noise, self.configuration)

    def reach(self, shown: int | None, *, generated: bool = False) -> Mapping[str, float]:
        """What the band is multiplied by, by figure; `shown` is None or one of `noise.SHOWN`."""
        return _reach(self.configuration, shown, generated)

    def faults(self) -> Dictionary | None:
        """What known faults change along these tokens; None where that is not on file.

        Raises:
            SuiteError: it is damaged, or of other faults, weights or tokens.
        """
        if self.model not in faults.names() or self.configuration != load(self.model).configuration:
            return None
        about = self.snapshot.provenance
        return _faults(self.model, about["weights_sha256"], about["sha256"])

    def by_position(self) -> dict[int, float]:
        """The most that KL may come to, from the position that is the key until the next."""
        widest: dict[int, float] = {}
        for pair in self.pairs():
            for stretch in pair["kl_by_position"]:
                begin = int(stretch["from"])
                widest[begin] = max(widest.get(begin, 0.0), float(stretch["max"]))
        reach = self.reach(None)["kl_max"]
        return {begin: widest[begin] * reach for begin in sorted(widest)}


def provenance(model: str) -> Mapping[str, Any]:
    """Of the snapshot of production's default: the content of `snapshot.json`."""
    text = (CUDA / model / DEFAULT.name / snapshots.PROVENANCE).read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _measured(shown: int | None) -> set[int | None]:
    """The numbers of tokens on both sides of one for which bands were measured; None means all."""
    if shown is None:
        return {None}
    fewer = max((few for few in noise.SHOWN if few <= shown), default=min(noise.SHOWN))
    more = min((few for few in noise.SHOWN if few >= shown), default=None)
    return {fewer, more}


def names() -> list[str]:
    """Models of which production is on file."""
    return sorted(_noise())


@cache
def load(model: str, configuration: str = ANCHOR.name) -> Production:
    """Production with a fixture model.

    A target is compared with production's float32: with the function, not with one rounding of it.
    Two engines that round to bfloat16 in different places are further from each other than either
    is from the function, and configurations of production, which share their matrix products on
    one GPU, do not show how much.

    Args:
        configuration: the anchor or the default; the other one where production has none of the
            kind, or no sound recordings.

    Raises:
        SuiteError: nothing is on file, or it is damaged.
    """
    measured = _noise().get(model)
    if measured is None:
        raise SuiteError(f"Production with {model} is not on file.")
    if not bands.sound(measured, configuration):
        configuration = ANCHOR.name if configuration == DEFAULT.name else DEFAULT.name
    try:
        snapshot = snapshots.load(CUDA / model / configuration)
    except SnapshotError as error:
        raise SuiteError(f"Production with {model} cannot be read: {error}") from None
    return Production(model, configuration, snapshot, measured)


@cache
def _noise() -> Mapping[str, Mapping[str, Any]]:
    return bands.on_file()


@cache
def _reach(configuration: str, shown: int | None, generated: bool) -> Mapping[str, float]:
    return bands.reach(_noise(), configuration, shown=shown, generated=generated)


@cache
def _faults(model: str, weights_sha256: str, snapshot_sha256: str) -> Dictionary:
    try:
        return faults.load(model, weights_sha256=weights_sha256, snapshot_sha256=snapshot_sha256)
    except FaultsError as error:
        raise SuiteError(str(error)) from None
