"""Quantised weights: how far from production they may take a target, and what it looks like.

A limit is the largest figure that any scheme of so many bits came to with the same model, on the
same prompts, seen through as many tokens a position, when nothing else was wrong (see
`fixtures.snapshots.quantised`), and what another scheme may cost beyond: `quantised.reach`, which
is how far a scheme that is left out lies beyond the others at most; and, its errors being another
draw, three standard errors of the mean and of the share. A target that showed only some of the
positions is held to what those cost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from conformance.compare import parity
from conformance.compare.parity import ENOUGH, Figure, Recordings, Verdict
from conformance.compare.production import Production
from conformance.compare.rows import numbers
from conformance.outcomes import SuiteError
from fixtures.snapshots import SnapshotError, noise, quantised
from fixtures.snapshots.quantised import WIDTHS, Measured, Measurement, statistics
from fixtures.snapshots.quantised.statistics import Figures

UNQUANTISED: Literal["unquantised"] = "unquantised"
"""A target that is within production's own band: nothing shows that its weights were rounded."""

Looks = Literal["unquantised", 8, 4] | None

ERRORS = 3.0
"""Standard errors that a draw may lie above another: one in 700 does."""


@dataclass(frozen=True)
class Limits:
    """What weights of so many bits may cost a model, seen at given positions.

    Attributes:
        shown: tokens of a position for which it was measured; all that production kept if None.
        whole: whether it is for all of production's positions.
        kl_mean, kl_p999: nats; same_top1: the least share of positions with the same favourite.
        scheme: the one that costs most, by the mean.
    """

    bits: int
    shown: int | None
    whole: bool
    kl_mean: float
    kl_p999: float
    same_top1: float
    scheme: str


@dataclass(frozen=True)
class Judgement:
    """A target, compared with what weights of so many bits cost; plain data.

    Attributes:
        verdict: "inside" if it is no further from production than they are.
        reason: one sentence that a person understands.
    """

    model: str
    bits: int
    verdict: Verdict
    reason: str
    figures: Figures
    limits: Limits

    def compared(self) -> tuple[Figure, ...]:
        """Each figure that decides, with its limit; what may not be too small, as its opposite.

        The share of favourites decides only where all positions were seen: how many are near
        ties differs from place to place, and was measured for all together.
        """
        found, limits = self.figures, self.limits
        favourites = Figure("other_top1", 1 - found.same_top1, 1 - limits.same_top1)
        return (
            Figure("kl_mean", found.kl_mean, limits.kl_mean),
            Figure("kl_p999", found.kl_p999, limits.kl_p999),
            *([favourites] if limits.whole else []),
        )


def expected(
    model: str,
    bits: int,
    shown: int | None = None,
    seen: Mapping[str, int] | None = None,
) -> Limits:
    """How far weights of so many bits may be from production.

    Args:
        bits: one of `WIDTHS`.
        shown: tokens of a position that the target shows; the next larger number that was measured
            is taken, which is never too narrow.
        seen: how many positions of each part of each prompt were seen, as `statistics.parts` names
            them; all of production's if None.

    Raises:
        SuiteError: the model was not measured with so many bits.
    """
    measured = _measured(model)
    few = min((few for few in noise.SHOWN if shown and few >= shown), default=None)
    found = measured.of(bits, few)
    if not found:
        raise SuiteError(f"What weights of {bits} bits cost {model} was not measured.")
    counts = seen or measured.parts
    positions = sum(counts.values())

    def mean(each: Measurement) -> float:
        return sum(count * each.parts[name] for name, count in counts.items()) / positions

    def largest(figure: str) -> float:
        return max(map(quantised.DECIDING[figure], found)) * _reach(bits, few)[figure]

    worst = max(found, key=mean)
    other = min(largest("other_top1"), 1.0)
    # The few largest values of what was seen may be the largest of all.
    whole = positions >= sum(measured.parts.values())
    return Limits(
        bits,
        few,
        whole,
        kl_mean=_rounded(
            mean(worst) * _reach(bits, few)["kl_mean"] + ERRORS * _error(worst, counts)
        ),
        kl_p999=_rounded(largest("kl_p999" if whole else "kl_max")),
        same_top1=_rounded(
            max(0.0, 1 - other - ERRORS * math.sqrt(other * (1 - other) / positions))
        ),
        scheme=worst.scheme,
    )


def overturned(model: str, bits: int) -> float:
    """By how much production preferred a token, in nats, that weights of so many bits overturn.

    The most at any position of any scheme. Where greedy text parts there is one position a prompt,
    so that nothing is added for schemes that were not measured.

    Raises:
        SuiteError: the model was not measured with so many bits.
    """
    found = [each.figures.margin for each in _measured(model).of(bits, None)]
    if not found:
        raise SuiteError(f"What weights of {bits} bits cost {model} was not measured.")
    return max(found)


def judge(production: Production, seen: Recordings, bits: int) -> Judgement:
    """Whether a target is no further from production than weights of so many bits are.

    Args:
        seen: by the names of production's prompts, what the target's distribution was there.

    Raises:
        SuiteError: the model was not measured with so many bits.
        ValueError: nothing was seen.
    """
    recorded = production.snapshot.prompts
    usable, broken = numbers(recorded, seen)
    # Where one prompt shows more than another, the limit for more is wide enough for both.
    shown = max((found.top_ids.shape[1] for found in usable.values()), default=0)
    figures = statistics.figures(recorded, usable)
    counts = {name: count for name, (count, _) in statistics.parts(recorded, usable).items()}
    limits = expected(production.model, bits, shown, counts)
    judged = Judgement(production.model, bits, "inside", "", figures, limits)
    verdict: Verdict = "inside"
    if broken or not all(figure.inside for figure in judged.compared()):
        verdict = "outside"
    elif figures.positions < ENOUGH:
        verdict = "undecided"
    reason = _reason(judged, verdict, len(broken))
    return Judgement(production.model, bits, verdict, reason, figures, limits)


def looks_like(production: Production, seen: Recordings) -> Looks:
    """What a target's distance from production is that of.

    Returns:
        "unquantised" within production's own band; the most bits whose cost is not exceeded; None
        if it is further away than any, or too little was seen to say.
    """
    found = parity.compare(production, seen)
    if found.broken or found.verdict == "undecided":
        return None
    if found.verdict == "inside":
        return UNQUANTISED
    for bits in WIDTHS:
        if judge(production, seen, bits).verdict == "inside":
            return 8 if bits == 8 else 4
    return None


def summary(production: Production, seen: Recordings) -> dict[str, Any]:
    """What a certificate says of a quantised target: `parity["quantised"]`.

    The limits are those of the bits that it looks like, of 4 where it looks like neither.

    Raises:
        SuiteError: the model was not measured.
        ValueError: nothing was seen.
    """
    looks = looks_like(production, seen)
    bits = looks if isinstance(looks, int) else None
    judged = judge(production, seen, WIDTHS[0] if looks == UNQUANTISED else bits or WIDTHS[-1])
    found, limits = judged.figures, judged.limits
    return {
        "bits": bits,
        "looks_like": "neither" if looks is None else looks,
        "kl_mean": found.kl_mean,
        "kl_mean_error": _rounded(found.kl_error),
        "kl_median": found.kl_median,
        "kl_p999": found.kl_p999,
        "kl_max": found.kl_max,
        "same_top1": found.same_top1,
        "same_top1_error": _rounded(found.same_top1_error),
        "limits_are_of_bits": limits.bits,
        "kl_mean_limit": limits.kl_mean,
        "kl_p999_limit": limits.kl_p999,
        "same_top1_limit": limits.same_top1,
        "reason": judged.reason,
    }


@cache
def _measured(model: str) -> Measured:
    try:
        return quantised.read(model)
    except SnapshotError as error:
        raise SuiteError(str(error)) from None


@cache
def _reach(bits: int, shown: int | None) -> Mapping[str, float]:
    return quantised.reach(map(_measured, quantised.names()), bits, shown)


def _error(each: Measurement, counts: Mapping[str, int]) -> float:
    """Standard error of the mean of some positions: a part's values spread in proportion to it."""
    spread = each.figures.kl_sd / each.figures.kl_mean if each.figures.kl_mean else 0.0
    squares = sum(count * (spread * each.parts[name]) ** 2 for name, count in counts.items())
    return math.sqrt(squares) / sum(counts.values())


_SAID = {
    "kl_mean": "the mean KL divergence is {value:.2g} nats",
    "kl_p999": "the KL divergence is above {value:.2g} nats at one position in a thousand",
    "other_top1": "{value:.1%} of the favourites are others",
}


def _reason(judged: Judgement, verdict: Verdict, broken: int) -> str:
    bits, count = judged.bits, judged.figures.positions
    if broken:
        return f"At {broken} positions what came is no distribution of numbers."
    if verdict == "undecided":
        return f"Only {count} positions could be compared; {ENOUGH} would decide."
    if verdict == "inside":
        return (
            f"At {count} positions the target is no further from production than weights of "
            f"{bits} bits are: a mean KL divergence of {judged.figures.kl_mean:.2g} nats, "
            f"at most {judged.limits.kl_mean:.2g} with such weights."
        )
    worst = max(judged.compared(), key=lambda figure: figure.value / (figure.limit or 1e-9))
    limit = f"{worst.limit:.1%}" if worst.name == "other_top1" else f"{worst.limit:.2g}"
    return (
        f"Compared at {count} positions, {_SAID[worst.name].format(value=worst.value)}, "
        f"and at most {limit} with weights of {bits} bits when nothing else is wrong."
    )


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
