"""Every position that was compared, side by side, and how far production is from itself there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from conformance.compare.production import Production
from conformance.recording.rows import IMPOSSIBLE
from fixtures.snapshots import Recorded, bands, noise

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEW = 5
"""Likeliest tokens that any API shows."""

RANKED = 20
"""Production's likeliest tokens whose order is compared."""

LEAST = 1e-7
"""What no difference is told from, in nats: logprobs come as float32."""

KEPT = 256
"""Production's likeliest tokens whose log probabilities are compared one by one."""


@dataclass(frozen=True)
class Rows:
    """What both saw, aligned: row n of a prompt is the same position in both.

    Attributes:
        production, target: by prompt, the rows of these positions and no others.
        names: `[N]`, the prompt of each row; the rows of a prompt are together, and ascend.
        positions: `[N]`; kl: `[N]`, nats.
        usual, limit: `[N]`, what production's own difference is there in the middle, and at one
            position in a hundred: the largest of any legitimate configuration, in nats.
        window: tokens of the model's sliding window, where it is known to have one.
    """

    production: Mapping[str, Recorded]
    target: Mapping[str, Recorded]
    names: NDArray[np.str_]
    positions: NDArray[np.int32]
    kl: Floats
    usual: Floats
    limit: Floats
    window: int | None = None
    lengths: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        lengths = {name: found.prompt_length for name, found in self.production.items()}
        object.__setattr__(self, "lengths", lengths)

    @cached_property
    def times(self) -> Floats:
        """The difference of each row, in times of the usual one."""
        return self.kl / self.usual

    @cached_property
    def wrong(self) -> Mask:
        """Rows that differ by more than one of production's own in a hundred does."""
        return self.kl > self.limit

    @cached_property
    def past_prompt(self) -> NDArray[np.int64]:
        """How many tokens after the prompt's last one a row stands, `[N]`; 0 and below: in it."""
        lengths = np.array([self.lengths[name] for name in self.names], dtype=np.int64)
        return np.asarray(self.positions - lengths + 1)

    @cached_property
    def logprobs(self) -> Floats:
        """Log probabilities of production's likeliest tokens in both, `[2, N, k]`.

        NaN in the target's where it did not show the token.
        """
        k = min((KEPT, *(found.top_ids.shape[1] for found in self.production.values())))
        both = []
        for name, found in self.production.items():
            p, q, shared = noise.aligned(noise.truncated(found, k), self.target[name])
            both.append(np.stack([p, np.where(shared, q, np.nan)]))
        return np.concatenate(both, axis=1) if both else np.zeros((2, 0, k))

    def share_wrong(self, rows: Mask) -> float:
        return float(self.wrong[rows].mean()) if rows.any() else 0.0

    def fine(self, rows: Mask) -> bool:
        """Whether these rows are as near to production as production is."""
        few = max(1.0, 0.04 * rows.sum())
        return self.wrong[rows].sum() <= few and bool(np.median(self.times[rows]) <= 3)

    def off(self, rows: Mask) -> bool:
        """Whether these rows, as a group, are further away."""
        return self.share_wrong(rows) >= 0.15 and bool(np.median(self.times[rows]) >= 4)

    @cached_property
    def margins(self) -> Floats:
        """By how much production prefers its own favourite to the target's, `[N]`, in nats.

        Where the target has several favourites, to the one of them that production likes best.
        """
        found = []
        for name, recorded in self.production.items():
            target = self.target[name]
            first = _first(target)
            each = [
                np.where(
                    first[:, n],
                    np.nan_to_num(noise.margins(recorded, target.top_ids[:, n])),
                    np.inf,
                )
                for n in range(first.sum(1).max())
            ]
            found.append(np.min(each, axis=0))
        return np.concatenate([np.zeros(0), *found])

    def lost(self) -> float:
        """The largest margin."""
        return float(self.margins.max(initial=0.0))

    def overlap(self) -> float:
        """Mean share of production's likeliest tokens that are among the target's likeliest."""
        shares = [
            (found.top_ids[:, :k, None] == self.target[name].top_ids[:, None, :k]).any(2).mean(1)
            for name, found in self.production.items()
            for k in [min(FEW, self.target[name].top_ids.shape[1])]
        ]
        return float(np.concatenate(shares).mean()) if shares else 1.0

    def where_largest(self) -> str:
        """The place of the largest difference, as the end of a sentence."""
        if not len(self.kl):
            return "nowhere"
        row = int(self.kl.argmax())
        return f"at position {self.positions[row]} of prompt {self.names[row]}"

    def agreement(self) -> float:
        """Share of rows with the same favourite; where either has several, any of them."""
        same = [
            _same_favourite(found, self.target[name]) for name, found in self.production.items()
        ]
        return float(np.concatenate(same).mean()) if same else 1.0

    def rank_agreement(self) -> float:
        """Mean share of pairs of production's likeliest tokens that the target ranks alike."""
        shares = [_alike(found, self.target[name]) for name, found in self.production.items()]
        return float(np.concatenate(shares).mean()) if shares else 1.0


def rows(
    production: Production, seen: Mapping[str, Recorded], shown: int, window: int | None = None
) -> Rows:
    """What both saw, with production's own differences for a target that shows `shown` tokens."""
    recorded = production.snapshot.prompts
    names: list[str] = []
    left: dict[str, Recorded] = {}
    right: dict[str, Recorded] = {}
    for name in sorted(recorded.keys() & seen.keys()):
        common = noise.common_positions(recorded[name], seen[name])
        if len(common):
            left[name] = noise.at(recorded[name], common)
            right[name] = noise.at(seen[name], common)
            names += [name] * len(common)
    positions = np.concatenate([np.zeros(0, np.int32), *(left[name].positions for name in left)])
    usual, limit = _own(production, shown, positions)
    return Rows(
        production=left,
        target=right,
        names=np.array(names, dtype=np.str_),
        positions=positions,
        kl=np.concatenate([np.zeros(0), *(noise.kl(left[name], right[name]) for name in left)]),
        usual=usual,
        limit=limit,
        window=window,
    )


def numbers(
    recorded: Mapping[str, Recorded], seen: Mapping[str, Recorded]
) -> tuple[dict[str, Recorded], list[tuple[str, int]]]:
    """What can be calculated with of the prompts that production has.

    Tokens beyond as many as production kept are left away, as when its band was measured, and
    minus infinity becomes what an API writes for it.

    Returns:
        The rows of numbers, by prompt; and prompt and position of each row that has others.
    """
    usable: dict[str, Recorded] = {}
    broken: list[tuple[str, int]] = []
    for name in sorted(recorded.keys() & seen.keys()):
        found = noise.truncated(seen[name], recorded[name].top_ids.shape[1])
        if not found.top_ids.size:
            continue
        logits = np.where(np.isneginf(found.top_logits), IMPOSSIBLE, found.top_logits)
        found = replace(found, top_logits=logits.astype(np.float32))
        sound = np.isfinite(logits).all(axis=1) & np.isfinite(found.logsumexp)
        broken += [(name, int(position)) for position in found.positions[~sound]]
        if sound.any():
            usable[name] = noise.at(found, found.positions[sound])
    return usable, broken


def octaves(positions: NDArray[np.int32]) -> NDArray[np.int32]:
    """0 for position 0, 1 for 1, 2 for 2 and 3, 3 for 4 to 7, and so on, as `noise` groups them."""
    return np.asarray(np.frexp(positions.astype(np.float64))[1])


def _own(production: Production, shown: int, positions: NDArray[np.int32]) -> tuple[Floats, Floats]:
    """Production's own middle and 99th percentile at each position, `[N]` both.

    They were measured with all tokens that production kept. Where fewer are shown they shrink as
    the percentile over all positions does.
    """
    found: dict[int, tuple[float, float]] = {}
    for pair in bands.sound(production.noise, production.configuration):
        for stretch in pair["kl_by_position"]:
            octave = int(octaves(np.array([stretch["from"]]))[0])
            usual, limit = found.get(octave, (0.0, 0.0))
            found[octave] = max(usual, stretch["median"]), max(limit, stretch["p99"])
    whole, band = production.band(), production.band(shown)
    last = max(found, default=0)
    own = np.array(
        [found.get(min(int(octave), last), (LEAST, LEAST)) for octave in octaves(positions)]
    ).reshape(-1, 2)
    usual, limit = np.maximum(own * band.kl_p99 / max(whole.kl_p99, LEAST), LEAST).T
    # A percentile of a handful of positions is no limit yet: that of all positions is.
    limit = np.maximum(limit, band.kl_p99)
    return usual, limit


def _same_favourite(production: Recorded, target: Recorded) -> Mask:
    """Per row, whether a token is among the favourites of both, `[N]`."""
    favourites = np.where(_first(production), production.top_ids, -1)
    others = np.where(_first(target), target.top_ids, -2)
    width = max(_first(production).sum(1).max(), _first(target).sum(1).max())
    return np.asarray((favourites[:, :width, None] == others[:, None, :width]).any((1, 2)))


def _first(found: Recorded) -> Mask:
    return np.asarray(found.top_logits == found.top_logits[:, :1])


def _alike(production: Recorded, target: Recorded) -> Floats:
    """Per row, the share of pairs of tokens that both rank in the same order, `[N]`.

    Pairs that either has equal say nothing against each other, nor do pairs of which the target
    shows neither; a token that it does not show comes after all that it shows.
    """
    top = noise.truncated(production, min(RANKED, target.top_ids.shape[1]))
    p, q, shared = noise.aligned(top, target)
    q = np.where(shared, q, -np.inf)
    told = shared[:, :, None] | shared[:, None, :]
    before = (p[:, :, None] > p[:, None, :]) & told
    same = q[:, :, None] >= q[:, None, :]
    pairs = before.sum((1, 2))
    return np.where(pairs, (before & same).sum((1, 2)) / np.maximum(pairs, 1), 1.0)
