"""Whether two distributions are those of one function: figures, limits, a verdict and its reason.

Everything is compared where the contexts are the same: at positions that production saw and the
target showed, after the same tokens. A limit is the largest figure that any legitimate
configuration of production, or the published definition, came to, compared in the same way, times
what such a band is found to lack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from conformance.compare.causes import cause as likely_cause
from conformance.compare.diagnosis import diagnose
from conformance.compare.divergences import Divergence, divergences
from conformance.compare.production import Production
from conformance.compare.rows import Rows, numbers
from conformance.compare.rows import rows as aligned
from fixtures.models.matrix.architectures import BY_NAME
from fixtures.snapshots import Recorded, noise
from fixtures.snapshots.bands import Band

Recordings = Mapping[str, Recorded]

ENOUGH = 16
"""Positions below which nothing is decided: a fault of one position in ten is missed by one time
in five, and by half of all such faults below seven."""

FOR_A_PERCENTILE = 200
"""Positions below which a 99th percentile is one of the two largest values, and says no more; and
a mean is that of the positions that happen to be seen."""


@dataclass(frozen=True)
class Figure:
    """One number of a comparison and the most that production itself comes to.

    Attributes:
        name: as in `bands.Band`.
    """

    name: str
    value: float
    limit: float

    @property
    def inside(self) -> bool:
        return self.value <= self.limit


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
        reason: what a person understands in a sentence, the diagnosis in it where there is one, and
            the cause after it.
        diagnosis: what the pattern looks like, where it is a known one, as a sentence.
        cause: which known fault the difference is like, where that is clear, as a sentence.
        positions: how many were compared; `shown`: tokens of each that the target showed.
        agreement: share of positions with the same favourite, ties counted as the same.
        rank: mean share of pairs of production's likeliest tokens that the target ranks alike.
        broken: positions at which the target showed something else than numbers.
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
    broken: int = 0
    cause: str | None = None

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
        seen: by the names of production's prompts, what the target's distribution was there; other
            prompts are left out.
        greedy: what the target said after a prompt at temperature 0, as token ids, where known.
    """
    recorded = production.snapshot.prompts
    widths = [
        found.top_ids.shape[1]
        for name, found in seen.items()
        if name in recorded and len(found.positions)
    ]
    # Where one prompt shows more than another, the band for more is wide enough for both.
    shown = max(widths, default=0)
    usable, broken = numbers(recorded, seen)
    rows = aligned(production, usable, shown, _window(production.model))
    found = noise.compare(recorded, usable, chose=False)
    parted = divergences(recorded, greedy or {})
    band = production.band(shown, generated=_generated(recorded, usable))
    figures = _figures(found, rows.lost(), parted, band)
    positions = len(rows.kl)
    verdict: Verdict = "inside"
    if broken or not all(figure.inside for figure in figures):
        verdict = "outside"
    elif positions < ENOUGH:
        verdict = "undecided"
    told = verdict == "outside" and not broken
    diagnosis = diagnose(rows) if told else None
    cause = likely_cause(production, rows) if told else None
    return Parity(
        model=production.model,
        verdict=verdict,
        reason=" ".join(filter(None, (_reason(verdict, diagnosis, figures, rows, broken), cause))),
        diagnosis=diagnosis,
        figures=figures,
        positions=positions,
        shown=min(widths, default=0),
        agreement=rows.agreement(),
        rank=rows.rank_agreement(),
        by_position=_stretches(found["kl_by_position"], production.by_position()),
        divergences=parted,
        broken=len(broken),
        cause=cause,
    )


def _figures(
    found: Mapping[str, Any], lost: float, parted: Sequence[Divergence], band: Band
) -> tuple[Figure, ...]:
    """The figures that decide; those of the whole only where there are enough positions."""
    values = {
        f"{figure}_{which}": float(found[figure][which])
        for figure, which in (
            ("kl", "mean"),
            ("kl", "p99"),
            ("kl", "max"),
            ("logprob", "p99"),
            ("logprob", "max"),
        )
        if which == "max" or found["kl"]["count"] >= FOR_A_PERCENTILE
    }
    values["margin"] = lost
    if parted:
        values["parted"] = max(each.margin for each in parted)
    return tuple(Figure(name, value, getattr(band, name)) for name, value in values.items())


def _generated(recorded: Recordings, seen: Recordings) -> bool:
    """Whether nothing but distributions of generated tokens was shown."""
    shown = {name: found for name, found in seen.items() if len(found.positions)}
    return bool(shown) and all(
        found.positions[0] >= recorded[name].prompt_length - 1 for name, found in shown.items()
    )


def _window(model: str) -> int | None:
    """Tokens of the sliding window of a fixture model that has one."""
    return BY_NAME[model].window if model in BY_NAME else None


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
    "parted": "greedy text departs where production preferred its own token by {value} nats",
}


def _reason(
    verdict: Verdict,
    diagnosis: str | None,
    figures: Sequence[Figure],
    rows: Rows,
    broken: Sequence[tuple[str, int]],
) -> str:
    """The verdict in a sentence: the pattern where it is known, and the strongest evidence."""
    positions = len(rows.kl)
    if broken:
        name, position = broken[0]
        return (
            f"At {len(broken)} positions the target's log probabilities are no numbers, first at "
            f"position {position} of prompt {name}."
        )
    if verdict == "undecided":
        return f"Only {positions} positions could be compared; {ENOUGH} would decide."
    if verdict == "inside":
        return f"At {positions} positions the target is as near to production as production itself."
    worst = max(figures, key=lambda figure: figure.value / (figure.limit or 1e-9))
    said = _SAID[worst.name].format(value=f"{worst.value:.2g}", where=rows.where_largest())
    much = f"{_plain(worst.value / worst.limit)} times what" if worst.limit else "more than"
    if diagnosis is None:
        return f"Compared at {positions} positions, {said}, {much} production allows."
    return f"{diagnosis.removesuffix('.')} ({said}, {much} production allows)."


def _plain(times: float) -> str:
    return f"{times:.3g}" if times < 1000 else f"{times:,.0f}"
