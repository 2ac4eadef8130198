"""The comparisons of a certificate in words: what a page and a terminal say of the numerics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from conformance.report.certificate import Certificate
from conformance.report.plot import Plot, Scale, plot, positions, power_of_ten, sparkline
from conformance.report.text import duration

Comparison = Mapping[str, Any]

ORDER = ("outside", "undecided", "inside")
MARKS = {"outside": "✗", "undecided": "?", "inside": "✓"}
TONES = {"outside": "fail", "undecided": "inconclusive", "inside": "pass"}

FIGURES = {
    "kl_mean": "KL divergence, mean",
    "kl_p99": "KL divergence, 99th percentile",
    "kl_max": "KL divergence, largest",
    "logprob_p99": "Δ log probability, 99th percentile",
    "logprob_max": "Δ log probability, largest",
    "margin": "Preference overruled, largest",
    "parted": "Preference overruled where greedy text departs",
}
"""What a figure is called; all are in nats."""

SHOWN_FIRST = 2
"""Divergences of one model that are shown unfolded."""

PREFIX_SHOWN, REST_SHOWN, MARKED = 160, 240, 24
"""Characters of what two texts have in common, of what follows, and of a first difference."""


@dataclass(frozen=True)
class FigureRow:
    """A figure as a row of a table."""

    name: str
    value: str
    limit: str
    ratio: str
    inside: bool


@dataclass(frozen=True)
class StretchRow:
    """What a plot shows of one stretch, in numbers."""

    positions: str
    count: int
    mean: str
    p99: str
    max: str
    limit: str
    beyond: bool


@dataclass(frozen=True)
class Side:
    """One of two texts: what both begin with, where they part, what follows."""

    same: str
    first: str
    rest: str


@dataclass(frozen=True)
class Parting:
    """Where greedy text parts, in words and side by side."""

    prompt: str
    where: str
    margin: str
    production: Side
    target: Side


@dataclass(frozen=True)
class Compared:
    """One comparison in words; `worst` is its largest figure in multiples of the limit."""

    model: str
    verdict: str
    name: str
    reason: str
    seen: str
    brief: str
    left_out: list[str]
    quantised: str | None
    worst: str
    figures: list[FigureRow]
    agreement: str
    plot: Plot
    spark: Plot
    describes: str
    stretches: list[StretchRow]
    partings: list[Parting]

    @property
    def mark(self) -> str:
        return MARKS[self.verdict]

    @property
    def tone(self) -> str:
        return TONES[self.verdict]


def compared(certificate: Certificate) -> list[Compared]:
    """Every comparison; those outside come first, then what is not decided."""
    scale = Scale.over(found["by_position"] for found in certificate.numerics)
    told = [_compared(found, scale) for found in certificate.numerics]
    return sorted(told, key=lambda each: ORDER.index(each.verdict))


def headline(certificate: Certificate) -> str:
    """How many are inside, in a sentence."""
    found = [each["verdict"] for each in certificate.numerics]
    kind = "models" if len({*_names(certificate)}) == len(found) else "comparisons"
    said = f"{found.count('inside')} of {len(found)} {kind} are as near to production as it is"
    undecided = found.count("undecided")
    return f"{said} to itself{f', {undecided} undecided' if undecided else ''}."


def not_inside(certificate: Certificate) -> list[tuple[str, str, str]]:
    """A verdict, a name and what there is to say, for each comparison that is not inside."""
    return [
        (verdict, _name(each), each["reason"])
        for verdict in ORDER[:2]
        for each in certificate.numerics
        if each["verdict"] == verdict
    ]


def quantised(certificate: Certificate) -> str | None:
    """What the target's weights look like, where it says that they are quantised."""
    told = [each["quantised"] for each in certificate.numerics if each.get("quantised")]
    if not told:
        return None
    return f"Quantised: {', '.join(dict.fromkeys(map(_looks, told)))}"


def _looks(told: Mapping[str, Any]) -> str:
    if told["bits"] is not None:
        return f"{told['bits']}-bit weights"
    if told.get("looks_like") == "unquantised":
        return "as it says, though nothing shows it"
    return "neither 8-bit nor 4-bit weights cost as much"


def number(value: float) -> str:
    """Three significant digits, in a form that anybody reads."""
    if value and not 1e-4 <= abs(value) < 1e5:
        digits, _, power = f"{value:.2e}".partition("e")
        return f"{digits} × {power_of_ten(int(power))}"
    return format(Decimal(f"{value:.3g}"), "f")


def ratio(value: float, limit: float) -> str:
    """A value in multiples of its limit."""
    if limit <= 0:
        return "0×" if value <= 0 else "beyond 0"
    times = value / limit
    if times >= 10:
        return f"{times:.0f}×"
    # Away from 1: what is beyond its limit must not read as 1.00, nor what is not quite there.
    whole = math.ceil(times * 100) if times > 1 else math.floor(times * 100)
    return f"{whole / 100:.2f}×"


def _names(certificate: Certificate) -> list[str]:
    return [each["model"] for each in certificate.numerics]


def _name(found: Comparison) -> str:
    way = found.get("way") if found["scope"] == "runner" else None
    return f"{found['model']}, {way}" if way else str(found["model"])


def _compared(found: Comparison, scale: Scale) -> Compared:
    stretches = found["by_position"]
    figures = [_figure(each) for each in found["figures"]]
    limit = next((each["limit"] for each in found["figures"] if each["name"] == "parted"), 0.0)
    partings = sorted(found["divergences"], key=lambda each: -each["margin"])
    return Compared(
        model=found["model"],
        verdict=found["verdict"],
        name=_name(found),
        reason=found["reason"],
        seen=_seen(found),
        brief=f"{found['positions']} positions, {found.get('route') or 'runner'}",
        left_out=list(found.get("left_out", [])),
        quantised=_quantised(found),
        worst=_worst(found),
        figures=figures,
        agreement=_agreement(found),
        plot=plot(stretches, scale),
        spark=sparkline(stretches, scale),
        describes=_describes(stretches),
        stretches=[_stretch(stretches, index) for index in range(len(stretches))],
        partings=[_parting(each, limit) for each in partings],
    )


def _seen(found: Comparison) -> str:
    """How it was seen, where, and how much of it."""
    asked = f"by {found['route']}" if found.get("route") else "by the runner"
    if found["scope"] == "runner" and found.get("way"):
        asked = f"by the runner ({found['way']})"
    said = f"Seen {asked} at {found['positions']} positions, {found['shown']} tokens each"
    if found.get("requests") is not None:
        said += f", with {found['requests']} requests"
        said += f" in {duration(found['seconds'])}" if found.get("seconds") is not None else ""
    if found.get("broken"):
        said += f"; at {found['broken']} it showed something else than numbers"
    return f"{said}."


def _agreement(found: Comparison) -> str:
    """How often both have the same favourite, and how far they rank alike."""
    same, rank = found["agreement"] * 100, found["rank"] * 100
    return (
        f"The likeliest token is the same at {_percent(same)} of the positions, ties counted as "
        f"the same; of pairs of likely tokens {_percent(rank)} are ranked alike."
    )


def _percent(value: float) -> str:
    # Rounded down: 99.96 must not read as all of them.
    return f"{int(value * 10) / 10:g}%"


def _quantised(found: Comparison) -> str | None:
    """What quantised weights cost here, in the figures of the field, each with what is usual."""
    told = found.get("quantised")
    if not told:
        return None
    bits = told.get("limits_are_of_bits", told["bits"])
    figures = [
        (name, told.get(key), told.get(f"{key}_limit"), write, bound)
        for name, key, write, bound in (
            ("mean KL", "kl_mean", _nats, "at most"),
            ("99.9th percentile", "kl_p999", _nats, "at most"),
            ("same top token at", "same_top1", _positions, "at least"),
        )
    ]
    parts = [
        f"{name} {write(value)}"
        + (f" ({bits} bits: {bound} {write(limit)})" if limit is not None else "")
        for name, value, limit, write, bound in figures
        if value is not None
    ]
    said = f"Quantised: {_looks(told)}{': ' if parts else ''}{', '.join(parts)}."
    return f"{told['reason']} {said}" if told.get("reason") else said


def _nats(value: float) -> str:
    return f"{number(value)} nats"


def _positions(share: float) -> str:
    return f"{_percent(share * 100)} of the positions"


def _figure(each: Mapping[str, Any]) -> FigureRow:
    return FigureRow(
        name=FIGURES.get(each["name"], each["name"]),
        value=number(each["value"]),
        limit=number(each["limit"]),
        ratio=ratio(each["value"], each["limit"]),
        inside=each["value"] <= each["limit"],
    )


def _worst(found: Comparison) -> str:
    """The largest figure, in multiples of what production allows."""
    figures = found["figures"]
    if not figures:
        return ""
    worst = max(figures, key=lambda each: each["value"] / (each["limit"] or 1e-9))
    return ratio(worst["value"], worst["limit"])


def _describes(stretches: Sequence[Mapping[str, Any]]) -> str:
    """The plot in a sentence, for who cannot see it."""
    if not stretches:
        return "No position was compared."
    beyond = [
        positions(stretches, index)
        for index, each in enumerate(stretches)
        if each["limit"] is not None and each["max"] > each["limit"]
    ]
    largest = max(stretches, key=lambda each: each["max"])
    said = (
        f"The largest KL divergence is {number(largest['max'])} nats, at the positions from "
        f"{largest['begin']}."
    )
    if not beyond:
        return f"{said} It is nowhere above the largest of production's own."
    whole = "everywhere" if len(beyond) == len(stretches) else f"at positions {', '.join(beyond)}"
    return f"{said} It is above the largest of production's own {whole}."


def _stretch(stretches: Sequence[Mapping[str, Any]], index: int) -> StretchRow:
    each = stretches[index]
    limit = each["limit"]
    return StretchRow(
        positions=positions(stretches, index),
        count=each["count"],
        mean=number(each["mean"]),
        p99=number(each["p99"]),
        max=number(each["max"]),
        limit="not known" if limit is None else number(limit),
        beyond=limit is not None and each["max"] > limit,
    )


def _parting(found: Mapping[str, Any], limit: float) -> Parting:
    after = found["position"] - found["length"]
    mine, theirs = _texts(found)
    pairs = enumerate(zip(mine, theirs, strict=False))
    same = next((n for n, (a, b) in pairs if a != b), min(len(mine), len(theirs)))
    where = f"after {after} token{'' if after == 1 else 's'} of the answer"
    where = where if after else "at the first token of the answer"
    return Parting(
        prompt=found["prompt"],
        where=where if mine != theirs else f"{where}, in tokens that make the same text",
        margin=_margin(found["margin"], limit),
        production=_side(mine, same),
        target=_side(theirs, same),
    )


def _texts(found: Mapping[str, Any]) -> tuple[str, str]:
    """Both continuations as text; as token ids where no text is known."""
    if "production_text" in found and "target_text" in found:
        return found["production_text"], found["target_text"]
    mine, theirs = (" ".join(map(str, found[side])) for side in ("production", "target"))
    return f"{mine} ", f"{theirs} "


def _margin(margin: float, limit: float) -> str:
    if margin <= 0:
        return "production had both tokens equal: a tie"
    said = f"production preferred its token by {number(margin)} nats"
    return f"{said}: {'a tie' if margin <= limit else 'no tie'}"


def _side(text: str, same: int) -> Side:
    """A text, cut to what a reader needs around the place where it parts."""
    rest = text[same:]
    begin = len(rest) - len(rest.lstrip())  # white space alone could not be seen
    end = next((n for n in range(begin + 1, len(rest)) if rest[n].isspace()), begin + MARKED)
    end = min(end, begin + MARKED)
    shown = text[max(0, same - PREFIX_SHOWN) : same]
    tail = rest[end : end + REST_SHOWN]
    return Side(
        same=f"…{shown}" if same > PREFIX_SHOWN else shown,
        first=rest[:end],
        rest=f"{tail}…" if len(rest) > end + REST_SHOWN else tail,
    )
