"""Whether drawn answers come from a stated distribution: a test that holds at any sample size.

The distance of what was drawn from what was stated is their relative entropy. Agrawal (2020,
"Finite-sample concentration of the multinomial in relative entropy", IEEE Transactions on
Information Theory, theorem 1.2) bounds its tail for N independent draws out of k kinds, with no
approximation:

    P(N * KL(drawn || true) >= t) <= exp(-t) * (e * t / (k - 1)) ** (k - 1)    where t > k - 1

A model states its probabilities up to its own rounding only. So each kind has a range, the distance
is that to the nearest distribution within all ranges, and the bound holds for each of them.

That sees any difference. Known ones are seen in fewer draws by the likelihood ratio: where q is
another distribution, fixed before anything was drawn, the product of q(x) / p(x) over the draws has
a mean of 1 under p, so it reaches c with probability at most 1 / c (Markov). The mean of several
such ratios is one as well; and it only falls where p(x) is replaced by the top of its range.

**False alarms.** One comparison calls a true distribution wrong with probability at most `ALARM`:
half of it by the distance, half by the ratios. A run makes at most `MOST` of them, so a whole run
raises a false alarm with probability at most `ALARM * MOST` = 1e-6 (Bonferroni).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from conformance.outcomes import Failed, Inconclusive, Judgement, Silent

ALARM = 1e-8
"""The probability with which one comparison may call a true distribution wrong."""

MOST = 100
"""Comparisons of a run, at most: a test counts them."""

REFUTED = 1e-3
"""The probability below which another explanation counts as refuted, also by a better one. A target
is never blamed on its account: it decides between PASS and INCONCLUSIVE, and which name a departure
gets."""

NAMED = 0.02
"""How likely, beside the best explanation, another one has to be to be named with it."""

OTHER = "anything else"
"""The kind of every answer that is not listed."""


@dataclass(frozen=True)
class Ranges:
    """A distribution: by kind of answer, the least and the greatest probability that it may have.

    A kind that is not listed has probability 0.
    """

    of: Mapping[str, tuple[float, float]]

    def probable(self, drawn: Iterable[str]) -> float:
        """An upper bound of the probability of draws as far from this distribution as these.

        Answers that are no kind of their own count as `OTHER`.
        """
        counts = Counter(answer if answer in self.of else OTHER for answer in drawn)
        distance = self._distance(counts)
        kinds = sum(highest > 0 for _, highest in self.of.values())
        if distance == math.inf:
            return 0.0
        free = max(kinds - 1, 0)
        if distance <= free:
            return 1.0
        return min(1.0, math.exp(-distance + (free * math.log(math.e * distance / free))))

    def _distance(self, counts: Mapping[str, int]) -> float:
        """N times the relative entropy of the counts to the nearest distribution in the ranges.

        The nearest q has q_i = clip(λ * drawn_i), for the λ that makes it sum to 1.
        """
        total = sum(counts.values())
        shares = {kind: count / total for kind, count in counts.items()}
        if any(self.of.get(kind, (0.0, 0.0))[1] <= 0 for kind in shares):
            return math.inf
        nearest = self._nearest(shares)
        return total * math.fsum(
            share * math.log(share / nearest[kind]) for kind, share in shares.items()
        )

    def _nearest(self, shares: Mapping[str, float]) -> dict[str, float]:
        def clipped(factor: float) -> dict[str, float]:
            return {
                kind: min(max(factor * shares.get(kind, 0.0), least), highest)
                for kind, (least, highest) in self.of.items()
            }

        low, high = 0.0, 1.0
        while sum(clipped(high).values()) < 1 and high < 1e9:
            low, high = high, high * 2
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if sum(clipped(middle).values()) < 1 else (low, middle)
        return clipped(high)

    def likelihood(self, drawn: Iterable[str]) -> float:
        """The logarithm of the probability of these draws, from the middle of the ranges."""
        middle = {
            kind: math.sqrt(least * highest) if least else highest / 4
            for kind, (least, highest) in self.of.items()
        }
        total = math.fsum(middle.values())
        return self._sum(drawn, {kind: share / total for kind, share in middle.items()})

    def greatest(self, drawn: Iterable[str]) -> float:
        """The same, with each draw as probable as its range allows: no distribution in the ranges
        makes the draws likelier."""
        return self._sum(drawn, {kind: highest for kind, (_, highest) in self.of.items()})

    def _sum(self, drawn: Iterable[str], shares: Mapping[str, float]) -> float:
        counts = Counter(answer if answer in self.of else OTHER for answer in drawn)
        if any(shares.get(kind, 0.0) <= 0 for kind in counts):
            return -math.inf
        return math.fsum(count * math.log(shares[kind]) for kind, count in counts.items())

    def __str__(self) -> str:
        likely = sorted(self.of.items(), key=lambda each: -each[1][1])
        parts = [
            f"{kind!r} {(least + highest) / 2:.3f}"
            for kind, (least, highest) in likely
            if highest > 0 and kind != OTHER
        ]
        return ", ".join(parts[:12]) + (", …" if len(parts) > 12 else "")


@dataclass(frozen=True)
class Explanation:
    """What else a target may have done: its distribution, and the judgement that says so."""

    ranges: Ranges
    judgement: Judgement


def ignored(parameters: str, ranges: Ranges) -> Explanation:
    """The target took the parameters and did nothing with them."""
    return Explanation(ranges, Silent(f"{parameters} is accepted and ignored"))


def otherwise(how: str, ranges: Ranges) -> Explanation:
    """The target does it in another way than production."""
    return Explanation(ranges, Failed(how))


def distributed(
    drawn: Sequence[str], expected: Ranges, others: Sequence[Explanation], *, what: str
) -> None:
    """The answers come from the expected distribution, and from none of the others.

    Args:
        drawn: independent answers.
        what: names what was asked for, to begin the sentence "… does not give".

    Raises:
        Silent, Failed: they do not come from it. The explanations that fit say why; Silent where
            each of them is that a parameter was ignored.
        Inconclusive: they may, and may come from another one as well.
    """
    shown = _shares(drawn)
    likely = {number: each.ranges.likelihood(drawn) for number, each in enumerate(others)}
    if _wrong(drawn, expected, list(likely.values())):
        best = max(likely.values(), default=-math.inf)
        fitting = [
            each.judgement
            for number, each in enumerate(others)
            if each.ranges.probable(drawn) >= REFUTED and likely[number] >= best + math.log(NAMED)
        ]
        if fitting:
            silent = all(isinstance(each, Silent) for each in fitting)
            said = "; or: ".join(dict.fromkeys(each.message for each in fitting))
            kind = Silent if silent else Failed
            raise kind(said, expected=str(expected), actual=shown, cause=fitting[0].message)
        raise Failed(
            f"{what} does not give the distribution that it has to",
            expected=str(expected),
            actual=shown,
            cause="Sampled answers have another distribution",
        )
    own = expected.likelihood(drawn)
    for each in others:
        better = own - each.ranges.greatest(drawn) >= -math.log(REFUTED)
        if not better and each.ranges.probable(drawn) >= REFUTED:
            raise Inconclusive(
                f"{len(drawn)} answers do not tell it apart from this: {each.judgement.message}. "
                "More of them would decide",
                expected=str(expected),
                actual=shown,
                cause="Too few sampled answers to decide",
            )


def _wrong(drawn: Sequence[str], expected: Ranges, others: Sequence[float]) -> bool:
    """Whether the draws refute the expected distribution: by their distance from it, or by the
    mean ratio of their likelihoods under others, given as logarithms, to that under it."""
    if expected.probable(drawn) < ALARM / 2:
        return True
    ratios = [other - expected.greatest(drawn) for other in others]
    highest = max(ratios, default=-math.inf)
    if highest == -math.inf:
        return False
    mean = highest + math.log(math.fsum(math.exp(ratio - highest) for ratio in ratios))
    return mean - math.log(len(ratios)) >= -math.log(ALARM / 2)


def _shares(drawn: Sequence[str]) -> str:
    found = Counter(drawn).most_common(12)
    parts = ", ".join(f"{answer!r} {count / len(drawn):.3f}" for answer, count in found)
    return f"{parts} ({len(drawn)} answers)"
