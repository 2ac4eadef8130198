"""Whether two distributions are those of one function: figures, limits, a verdict and its reason.

Everything is compared where the contexts are the same: at positions that production saw and the
target showed, after the same tokens. A limit is the largest figure that any legitimate
configuration of production came to, compared with production in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from conformance.compare import diagnosis
from conformance.compare.production import Production
from fixtures.snapshots import Recorded, noise
from fixtures.snapshots.noise import Band

Recordings = Mapping[str, Recorded]

ENOUGH = 16
"""Positions below which nothing is decided: a fault of one position in ten is missed by one time
in five, and by half of all such faults below seven."""

FOR_A_PERCENTILE = 200
"""Positions below which a 99th percentile is one of the two largest values, and says no more."""


@dataclass(frozen=True)
class Figure:
    """One number of a comparison and the most that production itself comes to.

    Attributes:
        name: as in `noise.Band`.
    """

    name: str
    value: float
    limit: float

    @property
    def inside(self) -> bool:
        return self.value <= self.limit


@dataclass(frozen=True)
class Divergence:
    """Where greedy text parts from production's.

    Attributes:
        position: of the first other token in the sequence, and `length` of the prompt before.
        expected, chosen: token ids, production's and the target's.
        margin: by how much production preferred its own, nats.
        production, target: what both said from the prompt's end on, as token ids.
    """

    prompt: str
    position: int
    length: int
    expected: int
    chosen: int
    margin: float
    production: tuple[int, ...] = ()
    target: tuple[int, ...] = ()


@dataclass(frozen=True)
class Stretch:
    """KL at the positions from `begin` to the next stretch's; `limit` is production's maximum."""

    begin: int
    count: int
    mean: float
    p99: float
    max: float
    limit: float | None


Verdict = Literal["inside", "outside", "undecided"]


@dataclass(frozen=True)
class Parity:
    """What a comparison came to; plain data.

    Attributes:
        reason: one sentence that a person understands.
        diagnosis: what the pattern looks like, where it is a known one.
        positions: how many were compared; `shown`: tokens of each that the target showed.
        agreement: share of positions with the same favourite, ties counted as the same.
        rank: mean share of pairs of production's likeliest tokens that the target ranks alike.
    """

    model: str
    verdict: Verdict
    reason: str
    diagnosis: str | None
    figures: tuple[Figure, ...]
    positions: int
    shown: int
    agreement: float
    rank: float
    by_position: tuple[Stretch, ...]
    divergences: tuple[Divergence, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def figure(self, name: str) -> Figure:
        """The figure of that name. Raises KeyError."""
        return {figure.name: figure for figure in self.figures}[name]


def compare(
    production: Production, seen: Recordings, greedy: Mapping[str, Sequence[int]] | None = None
) -> Parity:
    """Compares what a target showed with production.

    Args:
        seen: by the names of production's prompts, what the target's distribution was there.
        greedy: what the target said after a prompt at temperature 0, as token ids, where known.
    """
    recorded = production.snapshot.prompts
    shown = min((found.top_ids.shape[1] for found in seen.values()), default=0)
    found = noise.compare(recorded, seen, chose=False)
    positions = int(found["kl"]["count"])
    parted = divergences(recorded, greedy or {})
    figures = _figures(found, parted, production.band(shown))
    rows = diagnosis.rows(recorded, seen)
    verdict: Verdict = "inside"
    if not all(figure.inside for figure in figures):
        verdict = "outside"
    elif positions < ENOUGH:
        verdict = "undecided"
    top1 = found["top1"]
    differing = top1["disagreements"] - top1["ties"]
    return Parity(
        model=production.model,
        verdict=verdict,
        reason=_reason(verdict, figures, rows, positions),
        diagnosis=diagnosis.diagnose(rows) if verdict == "outside" else None,
        figures=figures,
        positions=positions,
        shown=shown,
        agreement=1 - differing / positions if positions else 1.0,
        rank=rows.rank_agreement(),
        by_position=_stretches(found["kl_by_position"], production.by_position()),
        divergences=parted,
    )


def divergences(
    recorded: Recordings, greedy: Mapping[str, Sequence[int]]
) -> tuple[Divergence, ...]:
    """Where each continuation parts from production's, if it does."""
    found = []
    for name, said in greedy.items():
        expected = recorded[name]
        length = expected.prompt_length
        whole = np.concatenate([expected.token_ids[:length], np.asarray(said, dtype=np.int32)])
        same = noise.common_prefix(expected.token_ids, whole)
        if same == min(len(whole), len(expected.token_ids)):
            continue
        row = noise.at(expected, np.array([same - 1]))
        found.append(
            Divergence(
                prompt=name,
                position=same,
                length=length,
                expected=int(expected.token_ids[same]),
                chosen=int(whole[same]),
                margin=float(np.nan_to_num(noise.margins(row, whole[same : same + 1])[0])),
                production=tuple(int(token) for token in expected.token_ids[length:]),
                target=tuple(int(token) for token in said),
            )
        )
    return tuple(found)


def _figures(
    found: Mapping[str, Any], parted: Sequence[Divergence], band: Band
) -> tuple[Figure, ...]:
    """The figures that decide; percentiles only where there are enough positions for them."""
    values = {
        f"{figure}_{which}": float(found[figure][which])
        for figure, which in (
            ("kl", "mean"),
            ("kl", "p99"),
            ("kl", "max"),
            ("logprob", "p99"),
            ("logprob", "max"),
        )
        if which != "p99" or found["kl"]["count"] >= FOR_A_PERCENTILE
    }
    lost = [float(found["top1"]["largest_margin"]), *(each.margin for each in parted)]
    values["margin"] = max(lost)
    return tuple(Figure(name, value, getattr(band, name)) for name, value in values.items())


def _stretches(
    found: Sequence[Mapping[str, Any]], limits: Mapping[int, float]
) -> tuple[Stretch, ...]:
    return tuple(
        Stretch(
            each["from"],
            each["count"],
            each["mean"],
            each["p99"],
            each["max"],
            limits.get(each["from"]),
        )
        for each in found
    )


_SAID = {
    "kl_mean": "the mean KL divergence is {value} nats",
    "kl_p99": "the KL divergence is above {value} nats at one position in a hundred",
    "kl_max": "the KL divergence reaches {value} nats {where}",
    "logprob_p99": "one log probability in a hundred is off by more than {value} nats",
    "logprob_max": "a log probability is off by {value} nats",
    "margin": "another token is preferred where production preferred its own by {value} nats",
}


def _reason(
    verdict: Verdict, figures: Sequence[Figure], rows: diagnosis.Rows, positions: int
) -> str:
    """The verdict in a sentence: its strongest evidence."""
    if verdict == "undecided":
        return f"Only {positions} positions could be compared; {ENOUGH} would decide."
    if verdict == "inside":
        return f"At {positions} positions the target is as near to production as production itself."
    worst = max(figures, key=lambda figure: figure.value / (figure.limit or 1e-9))
    said = _SAID[worst.name].format(value=f"{worst.value:.2g}", where=rows.where_largest())
    times = worst.value / worst.limit if worst.limit else float("inf")
    return f"Compared at {positions} positions, {said}, {times:.3g} times what production allows."
