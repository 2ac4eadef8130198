"""What comparisons come to: nothing where a requirement holds, a judgement where it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conformance.compare.divergences import Divergence
from conformance.compare.goldens import Distance
from conformance.compare.parity import Parity
from conformance.outcomes import Failed, Inconclusive
from fixtures.snapshots import Recorded

SHOWN = 8
"""Tokens of a text that are shown from where it parts on."""


def inside(parity: Parity, cause: str) -> None:
    """The figures are within the band.

    Raises:
        Failed: one is not; with all of those, and what the pattern looks like.
        Inconclusive: too little was seen.
    """
    if parity.verdict == "inside":
        return
    if parity.verdict == "undecided":
        raise Inconclusive(parity.reason)
    outside = [figure for figure in parity.figures if not figure.inside]
    raise Failed(
        parity.reason,
        expected="; ".join(f"{figure.name} at most {figure.limit:.3g}" for figure in outside),
        actual="; ".join(f"{figure.name} {figure.value:.3g}" for figure in outside),
        cause=cause,
    )


def exact(distance: Distance) -> None:
    """Log probabilities are as near to float64 as float32 can be.

    Raises:
        Failed: one is further off.
        Inconclusive: no prompt of the golden was run.
    """
    if not distance.positions:
        raise Inconclusive("No prompt of the golden was run this way.")
    if not distance.inside:
        raise Failed(
            f"A log probability is off by {distance.worst:.2g} nats {distance.where}, "
            f"{distance.worst / distance.bound:.3g} times what float32 excuses",
            expected=f"at most {distance.bound:.2g} from float64",
            actual=f"{distance.worst:.2g}",
            cause="Not as exact as float32",
        )


def same_text(parity: Parity, limit: float) -> None:
    """Greedy text is production's, up to where production hardly preferred its own token.

    Args:
        limit: nats by which production's favourite may differ from that of its own kind.
    """
    for found in parity.divergences:
        if found.margin > limit:
            raise _parted(found, f"by {found.margin:.2g} nats, at most {limit:.2g} are noise")


def the_very_same_text(parity: Parity, prompts: Sequence[str]) -> None:
    """Greedy text is production's, token by token, after these prompts."""
    for found in parity.divergences:
        if found.prompt in prompts:
            raise _parted(found, f"by {found.margin:.2g} nats; a model that knows it by heart")


def whole(recorded: Mapping[str, Recorded], said: Mapping[str, Sequence[int]]) -> None:
    """Greedy text is as long as production's; the token that ends an answer may be left out.

    Raises:
        Failed: it ends before production's does, or goes on after.
    """
    longest = max(len(found.token_ids) - found.prompt_length for found in recorded.values())
    for name, tokens in said.items():
        found = recorded[name]
        expected = found.token_ids[found.prompt_length :].tolist()
        least = len(expected) - (len(expected) < longest)
        short = len(tokens) < least and list(tokens) == expected[: len(tokens)]
        if short or len(tokens) > len(expected):
            raise Failed(
                f"After prompt {name} the runner said {len(tokens)} tokens, where production's "
                f"answer has {len(expected)}",
                expected=f"{least} to {len(expected)} tokens",
                actual=f"{len(tokens)} tokens",
                cause="Answers end elsewhere",
            )


def _parted(found: Divergence, margin: str) -> Failed:
    place = found.position - found.length
    return Failed(
        f"After prompt {found.prompt} greedy text leaves production's at token {place + 1}, where "
        f"production preferred its own {margin}.",
        expected=f"… {list(found.production[place : place + SHOWN])}",
        actual=f"… {list(found.target[place : place + SHOWN])}",
        cause="Greedy text is not production's",
    )
