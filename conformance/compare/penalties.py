"""What a presence or frequency penalty must make of a greedy answer.

OpenAI's reference states it: logit -= count * frequency_penalty + (count > 0) * presence_penalty,
where `count` is how often the token was generated so far; the prompt does not count. With the
alternatives of an unpenalised greedy answer the first token that must change follows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from conformance.compare.logprobs import Step
from conformance.outcomes import Failed, Inconclusive, Silent

MARGIN = 0.25
"""Nats by which a token must be ahead to count as decided: two steps of bfloat16 between 16 and 32,
where logits of likely tokens lie."""


@dataclass(frozen=True)
class Change:
    """The answer up to the first token that a penalty changes.

    Attributes:
        kept: the text before that token.
        token: the token that must not come.
        after: the tokens of which one must; None where unlisted ones may come too.
    """

    kept: str
    token: str
    after: tuple[str, ...] | None


def first_change(
    steps: Sequence[Step], *, frequency: float = 0.0, presence: float = 0.0
) -> Change | None:
    """What the penalties change first, or None if that is not decided within `steps`.

    A token that is not listed is at most as likely as the least likely one that is.
    """
    counts: Counter[str] = Counter()
    kept = ""
    for step in steps:
        if step.token not in step.top:
            return None
        scores = {
            token: logprob - frequency * counts[token] - presence * (counts[token] > 0)
            for token, logprob in step.top.items()
        }
        unlisted, best = min(step.top.values()), max(scores.values())
        if best - scores[step.token] >= MARGIN:
            near = tuple(token for token, score in scores.items() if score > best - MARGIN)
            return Change(kept, step.token, near if unlisted <= best - MARGIN else None)
        rivals = [score for token, score in scores.items() if token != step.token]
        if scores[step.token] - max([*rivals, unlisted]) < MARGIN:
            return None
        counts[step.token] += 1
        kept += step.token
    return None


def applied(
    parameter: str, baseline: str, penalised: str, steps: Sequence[Step] | None, **penalty: float
) -> None:
    """`penalised` is what the penalty makes of the greedy answer `baseline`.

    Args:
        parameter: its name, for messages.
        steps: the baseline's alternatives, or None where the target gives none; the token that
            ends an answer may be among them.
        penalty: `frequency` or `presence`, as `first_change` takes them.

    Raises:
        Silent: the answer is as it was although it must change.
        Failed: it changes otherwise than it must.
        Inconclusive: nothing must change, or nobody can say what.
    """
    spelled = "".join(step.token for step in steps or [])
    if not (baseline.startswith(spelled) or spelled.startswith(baseline)):
        steps = None  # tokens that do not spell the text say nothing about it
    change = first_change(steps or [], **penalty)
    if change is None:
        if steps is None and penalised != baseline:
            return
        why = (
            "logprobs that spell the text"
            if steps is None
            else "a prompt whose answer repeats a token"
        )
        raise Inconclusive(
            f"What `{parameter}` must change does not follow from the answer: {why} would decide",
            actual=baseline,
            cause="The model's own answer does not allow the check",
        )
    expected = f"{change.kept!r}, then not {change.token!r}"
    if change.after is not None:
        expected += f" but {' or '.join(map(repr, change.after))}"
    if penalised.startswith(change.kept + change.token):
        raise Silent(f"`{parameter}` is accepted and ignored", expected=expected, actual=penalised)
    right = [change.kept + token for token in change.after or ("",)]
    if not penalised.startswith(tuple(right)):
        raise Failed(
            f"`{parameter}` changes the answer otherwise than its definition says",
            expected=expected,
            actual=penalised,
        )
