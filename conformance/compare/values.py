"""Patterns in how log probabilities differ: each function gives a sentence, or None.

A pattern is offered where undoing it leaves what production itself differs by, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conformance.compare.rows import RANKED, Floats, Mask, Rows, octaves
from fixtures.snapshots import Recorded, noise

Curve = Callable[[Floats, float], Floats]

EVIDENCE = 8
"""Rows without which no pattern is told from chance."""

FEW = 8
"""Tokens that are few."""


def one_row_for_all(found: Rows) -> str | None:
    """The target's rows of a prompt are all the same, production's are not."""
    same = []
    for name, row in found.target.items():
        last = np.full(len(row.positions), row.positions[-1])
        expected = found.production[name]
        differs = noise.kl(noise.at(expected, last), expected) > found.limit[found.names == name]
        same.append((_equal(noise.at(row, last), row) & differs)[:-1])
    alike = np.concatenate(same)
    if alike.sum() < EVIDENCE or alike.mean() < 0.7:
        return None
    return (
        "every position of a prompt has the same distribution, "
        "as when all rows of a batch get the logits of its last token"
    )


def shifted(found: Rows) -> str | None:
    """The target's rows are production's of the position before or after."""
    for step, which in ((1, "the next position"), (-1, "the position before")):
        hit: list[Mask] = [np.zeros(0, dtype=bool)]
        for name, row in found.target.items():
            here = found.names == name
            there = np.isin(row.positions + step, row.positions) & found.wrong[here]
            if there.any():
                moved = noise.at(found.production[name], row.positions[there] + step)
                apart = noise.kl(moved, noise.at(row, row.positions[there]))
                hit.append(apart <= found.limit[here][there])
        hits = np.concatenate(hit)
        if len(hits) >= EVIDENCE and hits.mean() >= 0.9:
            return f"each position has the distribution of {which}: the rows are off by one"
    return None


def steeper(found: Rows) -> str | None:
    """Log probabilities are production's times a factor."""
    p, q = found.logprobs
    apart = _centred(p, q), _centred(q, q)
    slopes = np.nansum(apart[0] * apart[1], axis=1) / np.nansum(apart[0] ** 2, axis=1)
    slopes = slopes[found.wrong & (np.isfinite(q).sum(1) >= 3)]
    if len(slopes) < EVIDENCE:
        return None
    factor = float(np.median(slopes))
    if (
        factor <= 0.01
        or abs(factor - 1) < 0.02
        or not _explained(found, p, _among_shown(p, q), q / factor)
    ):
        return None
    if factor > 1:
        return (
            f"log probabilities are {factor:.3g} times as steep as production's, as logits are "
            f"that should be divided by {factor:.3g}, or capped, or that a temperature of "
            f"{1 / factor:.2g} divided"
        )
    return (
        f"log probabilities are flatter than production's by the factor {factor:.3g}, as logits "
        f"are that were scaled by it, or capped, or that a temperature of {1 / factor:.2g} divided"
    )


def soft_cap(found: Rows) -> str | None:
    """Logits went through `c * tanh(logits / c)` in production and not in the target, or reverse.

    Needs production's logits: an API that tells log probabilities only does not show it.
    """
    p, q = found.logprobs
    total = [row.logsumexp for row in found.production.values()]
    if not np.any(np.concatenate(total)):
        return None
    logits = p + np.concatenate(total)[:, None]
    largest = float(np.abs(np.where(np.isfinite(q), logits, 0.0)).max())
    chosen = np.flatnonzero(found.wrong)[:: max(1, int(found.wrong.sum()) // 100)]
    # A curve that only rises leaves the order of tokens as it is.
    if len(chosen) < EVIDENCE or found.rank_agreement() < 0.9:
        return None
    sample = np.ix_(chosen, np.arange(min(RANKED, q.shape[1])))
    for least, curve, what in ((1.0001, _uncapped, "left out"), (0.2, _capped, "put on")):
        coarse = _best(np.geomspace(least, 20, 30) * largest, curve, logits[sample], q[sample])
        fine = np.geomspace(coarse / 1.15, coarse * 1.15, 30)
        cap = _best(fine[fine >= least * largest], curve, logits[sample], q[sample])
        expected = curve(logits, cap)
        level = np.nanmedian(np.where(np.isfinite(q), expected - q, np.nan), axis=1)[:, None]
        # Of the two, what was not capped is capped: the reverse would blow its noise up.
        left, right = (p, _capped(q + level, cap)) if curve is _uncapped else (expected - level, q)
        if cap < 10 * largest and _explained(found, left, _among_shown(p, q), right):
            return (
                "log probabilities follow production's on a curve, "
                f"as when a soft cap of about {cap:.2g} on the logits is {what}"
            )
    return None


def few_tokens(found: Rows) -> str | None:
    """A few tokens are likelier or less likely than in production, all others are as they are."""
    p, q = found.logprobs
    floor = np.nanmin(q, axis=1, keepdims=True)
    # A token that is not shown is less likely than all that are.
    apart = np.where(np.isfinite(q), q - p, floor - p)
    apart -= np.nanmedian(np.where(np.isfinite(q), apart, np.nan), axis=1, keepdims=True)
    told = np.isfinite(q) | (p > floor)
    ids = np.concatenate([row.top_ids[:, : p.shape[1]] for row in found.production.values()])
    if not told.any():
        return None
    least = max(10 * float(np.median(np.abs(apart[told]))), 0.05)
    order = np.argsort(ids[told])
    tokens, begins = np.unique(ids[told][order], return_index=True)
    shifts = {
        int(token): float(np.median(values))
        for token, values in zip(tokens, np.split(apart[told][order], begins[1:]), strict=True)
        if len(values) >= EVIDENCE
    }
    biased = {token: shift for token, shift in shifts.items() if abs(shift) > least}
    if not 0 < len(biased) <= FEW:
        return None
    without = np.where(np.isin(ids, list(biased)), np.nan, q)
    if not _explained(found, p, found.kl, without):
        return None
    ordered = sorted(biased, key=lambda token: -abs(biased[token]))
    said = [
        _shift(token, biased[token], np.isfinite(q[told & (ids == token)]).mean())
        for token in ordered
    ]
    return (
        f"{_listed(said)}, and all others that are shown are right, as when a bias is on the logits"
    )


def like_rounding(found: Rows) -> str | None:
    """Small differences everywhere, the same in every octave of positions."""
    groups = octaves(found.positions)
    times = [
        float(np.median(found.times[groups == group]))
        for group in np.unique(groups)
        if group > 1 and (groups == group).sum() >= EVIDENCE
    ]
    first = found.positions == 0
    if len(times) < 3 or first.sum() < 3 or np.median(found.times[first]) < 3:
        return None
    if min(times) < 3 or max(times) > 5 * min(times):
        return None
    # Where every other of the likeliest tokens is another one, "small" says nothing.
    if np.median(found.kl) > 0.35 or found.overlap() < 0.58:
        return None
    return (
        "the difference is small and alike at all positions, as quantised weights make it, "
        "or a constant or function that is slightly off"
    )


def _equal(a: Recorded, b: Recorded) -> Mask:
    """Whether rows show the same tokens with the same log probabilities, `[N]`."""
    p, q, shared = noise.aligned(a, b)
    apart = np.abs(np.where(shared, p - q, 0.0)).max(axis=1)
    return np.asarray((shared.mean(axis=1) >= 0.8) & (apart <= 0.05))


def _explained(found: Rows, p: Floats, before: Floats, undone: Floats) -> bool:
    """Whether the target is production among the tokens that it shows, once a fault is undone.

    Args:
        before: `[N]`, the difference of each row that is to be explained, in nats.
    """
    counted = np.isfinite(undone).sum(1) >= 3
    after = _among_shown(p, undone)
    wrong, fits = counted & found.wrong, after <= found.limit
    if wrong.sum() < EVIDENCE or wrong.sum() < 0.8 * found.wrong.sum():
        return False
    if fits[counted].mean() < 0.95 or fits[wrong].mean() < 0.9:
        return False
    return bool(np.median(before[wrong]) >= 4 * np.median(after[wrong]))


def _among_shown(p: Floats, q: Floats) -> Floats:
    """The part of the KL divergence that lies among tokens whose `q` is known, in nats `[N]`.

    By the chain rule it is their probability times the divergence of the two distributions that
    are left when only they can come; where the others lie does not matter.
    """
    known = np.isfinite(q)
    mass = np.where(known, np.exp(p), 0.0).sum(axis=1)
    p, q = (_log_softmax(np.where(known, values, -1e30)) for values in (p, q))
    return np.asarray(mass * np.where(known, np.exp(p) * (p - q), 0.0).sum(axis=1))


def _log_softmax(values: Floats) -> Floats:
    values = values - values.max(axis=1, keepdims=True)
    return np.asarray(values - np.log(np.exp(values).sum(axis=1, keepdims=True)))


def _centred(values: Floats, known: Floats) -> Floats:
    """Less their mean over the tokens whose `known` is a number; NaN for others."""
    kept = np.where(np.isfinite(known), values, np.nan)
    return np.asarray(kept - np.nanmean(kept, axis=1, keepdims=True))


def _capped(logits: Floats, cap: float) -> Floats:
    return np.asarray(cap * np.tanh(logits / cap))


def _uncapped(logits: Floats, cap: float) -> Floats:
    return np.asarray(cap * np.arctanh(logits / cap))


def _best(caps: Floats, curve: Curve, logits: Floats, q: Floats) -> float:
    """The cap whose curve takes the logits nearest to `q`, but for a constant of each row."""

    def misfit(cap: float) -> float:
        apart = np.abs(_centred(curve(logits, cap), q) - _centred(q, q))
        return float(np.nanmedian(np.nanmean(apart, axis=1)))

    return float(min(caps, key=misfit))


def _shift(token: int, shift: float, seen: float) -> str:
    """A token's shift in words; where it is mostly not shown, all that is known is a bound."""
    which, least = "likelier" if shift > 0 else "less likely", "at least " if seen < 0.5 else ""
    return f"token {token} is {which} by {least}{abs(shift):.2g} nats"


def _listed(said: list[str]) -> str:
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
