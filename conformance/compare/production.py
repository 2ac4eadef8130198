"""Production as it was recorded: what a target's distribution is compared with, and how closely."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from conformance.outcomes import SuiteError
from fixtures import snapshots
from fixtures.snapshots import Snapshot, SnapshotError, noise
from fixtures.snapshots.configurations import ANCHOR, DEFAULT
from fixtures.snapshots.noise import Band

CUDA = snapshots.FOLDER / "cuda"


@dataclass(frozen=True)
class Production:
    """A model in production.

    Attributes:
        configuration: what is compared with: production's default, or its float32.
        snapshot: its logits, with prompts and greedy continuations as token ids.
        noise: the content of `noise.json`.
    """

    model: str
    configuration: str
    snapshot: Snapshot
    noise: Mapping[str, Any]

    def band(self, shown: int | None = None) -> Band:
        """How far production is from this configuration of itself.

        Args:
            shown: how many tokens of a position the target shows; the band for the next larger
                number that was measured is taken, which is never too narrow.
        """
        return noise.band_of(self.pairs(), shown=_measured(shown))

    def pairs(self) -> list[Mapping[str, Any]]:
        """The pairs of recordings that the band is taken from."""
        return noise.sound(self.noise, self.configuration)

    def by_position(self) -> dict[int, float]:
        """The band's maximum of KL, from the position that is the key until the next."""
        widest: dict[int, float] = {}
        for pair in self.pairs():
            for stretch in pair["kl_by_position"]:
                begin = int(stretch["from"])
                widest[begin] = max(widest.get(begin, 0.0), float(stretch["max"]))
        return dict(sorted(widest.items()))


def _measured(shown: int | None) -> int | None:
    """The number of tokens shown for which there is a band: the next larger one, or all."""
    return min((few for few in noise.SHOWN if shown and few >= shown), default=None)


def names() -> list[str]:
    """Models of which production is on file."""
    return sorted(path.parent.name for path in CUDA.glob("*/noise.json"))


@cache
def load(model: str, configuration: str = DEFAULT.name, *, folder: Path = CUDA) -> Production:
    """Production with a fixture model.

    Args:
        configuration: the default, or the anchor for what computes in float32; the default where
            production has no such configuration.

    Raises:
        SuiteError: nothing is on file, or it is damaged.
    """
    home = folder / model
    if configuration == ANCHOR.name and not (home / configuration).is_dir():
        configuration = DEFAULT.name
    try:
        snapshot = snapshots.load(home / configuration)
        measured = json.loads((home / "noise.json").read_text(encoding="utf-8"))
    except (SnapshotError, OSError, ValueError) as error:
        raise SuiteError(f"Production with {model} cannot be read: {error}") from None
    return Production(model, configuration, snapshot, measured)
