"""Two answers that have to be one and the same.

Texts are compared where the best token leads by nats. Log probabilities of one token, computed in
two ways, are compared up to `MARGIN`.
"""

from __future__ import annotations

from collections.abc import Sequence

from conformance.outcomes import Failed, Inconclusive, Silent

MARGIN = 0.25
"""Nats. In bfloat16 a logit between 16 and 32, where those of likely tokens lie, is rounded to
steps of 1/8: two ways to compute it may differ by one step up and one down."""


def alike(one: object, other: object, what: str) -> None:
    """Two things that must be equal are. Raises Failed.

    Args:
        what: names both, to begin the sentence "… differ".
    """
    if one != other:
        raise Failed(f"{what} differ", expected=one, actual=other)


def all_alike(first: str, others: Sequence[str], what: str) -> None:
    """All answers are the first one.

    Raises:
        Failed: one is another.
    """
    for other in others:
        alike(first, other, what)


def seeded_alike(first: str, other: str, without: str, what: str) -> None:
    """Two sampled answers of one seed are one.

    Args:
        without: an answer of another seed.

    Raises:
        Inconclusive: the other seed gives the same, so that nothing is seen.
        Failed: they differ.
    """
    if first == other == without:
        raise Inconclusive(
            "Answers of different seeds are the same: a model that is less sure would decide",
            cause="The model's own answer does not allow the check",
        )
    alike(first, other, what)


def choices_of(found: Sequence[str], wanted: Sequence[str], what: str) -> None:
    """So many choices, each as its own request is answered.

    Raises:
        Silent: there is only one.
        Failed: they are others.
    """
    if len(found) == 1 < len(wanted):
        raise Silent("`n` is accepted and ignored", expected=len(wanted), actual=1)
    alike(list(wanted), list(found), what)


def near(one: Sequence[float], other: Sequence[float], what: str) -> None:
    """Log probabilities of the same tokens, in two ways, lie within `MARGIN`.

    Raises:
        Failed: there are more of one kind, or two lie further apart.
    """
    if len(one) != len(other):
        raise Failed(f"{what}: one has more tokens", expected=len(one), actual=len(other))
    for place, (left, right) in enumerate(zip(one, other, strict=True)):
        if abs(left - right) > MARGIN:
            raise Failed(
                f"{what} differ at token {place}",
                expected=f"{left:.4f} ± {MARGIN}",
                actual=f"{right:.4f}",
            )


def beginning(whole: str, part: str, what: str) -> None:
    """A part is the beginning of the whole.

    Raises:
        Failed: it is not.
    """
    if not part or not whole.startswith(part):
        raise Failed(what, expected=f"the beginning of {whole!r}", actual=repr(part))
