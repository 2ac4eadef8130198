"""Which known fault a departure is like: a target's change beside those of a fault dictionary.

The change of log probabilities, target minus production, is compared with each signature by the
cosine of the angle between them, over the tokens that the target shows and the dictionary has, each
position weighed by the root of its change, lest a few of them decide. Faults of one kind that
differ in strength point nearly the same way as long as they are small, and faults of different
kinds are nearly at right angles.

With these limits, of 518 departures by faults of another strength than any in the dictionary 248
were named, none wrongly; of 1344 by faults that had been left out of it 133 were named rightly and
15 wrongly, all others not at all (`python -m tests.mutants.dictionaries`, docs/numerics.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conformance.compare.production import Production
from conformance.compare.rows import Floats, Rows
from fixtures.faults import Dictionary, Signature
from fixtures.snapshots import Recorded, noise

ENOUGH = 16
"""Rows without which nothing is named."""

AHEAD = 0.4
"""What the best may leave unexplained (1 minus its cosine squared), as a part of what is left by
the best of other areas: a cosine of 0.77 at least, where all others are at right angles. At 0.6
twice as many faults that had been left out were named wrongly, and a third more rightly."""

ALIKE = 0.9
"""Cosine from which on another area's best is nearly the same departure."""

AHEAD_OF_ALIKE = 0.1
"""As `AHEAD`, where another area's best is alike: YaRN's factor on rotary embeddings scales scores
as attention's own scale does, and what is neither exactly may be either."""

AREAS: Mapping[str, str] = {
    "attention": "attention",
    "batch": "batches",
    "cache": "the KV cache",
    "embedding": "the embedding",
    "experts": "the experts",
    "feed-forward": "the feed-forward networks",
    "logits": "the logits",
    "norm": "a norm",
    "residual": "the residual stream",
    "rope": "rotary positions",
    "soft cap": "the soft cap on scores",
    "weights": "the weights",
    "window": "the sliding window",
}
"""Areas of faults, as a sentence names them."""


@dataclass(frozen=True)
class Likeness:
    """How like a departure is to a known fault.

    Attributes:
        similarity: the cosine, from -1 to 1.
        positions: how many rows it was taken over.
    """

    signature: Signature
    similarity: float
    positions: int

    @property
    def unexplained(self) -> float:
        """Share of the departure's square that no multiple of the signature has."""
        return 1 - max(self.similarity, 0.0) ** 2


def cause(production: Production, found: Rows) -> str | None:
    """The area of known faults that a departure is like, in a sentence; None if it is like none."""
    known = production.faults()
    named = known and named_of(likenesses(known, found))
    if not named:
        return None
    best, other = named
    return (
        f"It departs as with a fault of {AREAS[best.signature.area]}: nearest is "
        f"“{best.signature.what}”, similarity {best.similarity:.2f} at {best.positions} positions, "
        f"the next other area {max(other, 0.0):.2f}."
    )


def named_of(found: list[Likeness]) -> tuple[Likeness, float] | None:
    """The likest and the similarity of the likest of another area, where the former is clear."""
    best = max(found, key=lambda each: each.similarity, default=None)
    if best is None:
        return None
    others = [each for each in found if each.signature.area != best.signature.area]
    other = max(others, key=lambda each: each.similarity, default=None)
    similarity, left = (other.similarity, other.unexplained) if other else (0.0, 1.0)
    ahead = AHEAD if similarity < ALIKE else AHEAD_OF_ALIKE
    return (best, similarity) if best.unexplained <= ahead * left else None


def likenesses(known: Dictionary, found: Rows) -> list[Likeness]:
    """How like a departure is to each fault of a dictionary, where enough was seen to tell."""
    changes = _changes(known, found)
    told = np.isfinite(changes)
    positions = int(told.any(axis=1).sum())
    if positions < ENOUGH:
        return []
    target = _weighed(np.where(told, changes, 0.0))
    each = []
    for signature in known.signatures:
        expected = _weighed(np.where(told, signature.change, 0.0))
        size = float(np.sqrt((target**2).sum() * (expected**2).sum()))
        if size > 0:
            each.append(Likeness(signature, float((target * expected).sum()) / size, positions))
    return each


def _weighed(changes: Floats) -> Floats:
    """Each row divided by the root of its length, `[N, K]`."""
    length = np.sqrt((changes**2).sum(axis=1, keepdims=True))
    return np.asarray(changes / np.sqrt(np.where(length > 0, length, 1.0)))


def _changes(known: Dictionary, found: Rows) -> Floats:
    """What changed of the dictionary's tokens at its rows, `[N, K]` in nats; NaN where the target
    does not show them."""
    changes = np.full(known.token_ids.shape, np.nan)
    for name, production in found.production.items():
        here = known.prompts == name
        places = np.flatnonzero(here & np.isin(known.positions, production.positions))
        if not len(places):
            continue
        positions = known.positions[places]
        before = _of_tokens(noise.at(production, positions), known.token_ids[places])
        after = _of_tokens(noise.at(found.target[name], positions), known.token_ids[places])
        changes[places] = after - before
    return changes


def _of_tokens(found: Recorded, token_ids: NDArray[np.int32]) -> Floats:
    """Log probabilities of some tokens of each row, NaN where they are not shown, `[N, K]`."""
    hit = found.top_ids[:, None, :] == token_ids[:, :, None]  # [N, K, shown]
    place = hit.argmax(axis=2)
    logprobs = np.take_along_axis(found.logprobs, place, axis=1)
    return np.where(hit.any(axis=2), logprobs, np.nan)
