"""Judgements on comparisons: what failed, its limit and figure, and the request that shows it."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.api.numerics.compared import Compared
from conformance.api.numerics.evidence import Evidence
from conformance.compare.divergences import Divergence
from conformance.compare.parity import ENOUGH, Figure, Parity
from conformance.compare.tokens import Tokenizer
from conformance.outcomes import Failed, Inconclusive
from conformance.targets.client import Client

CAUSE = "The distribution is not production's"
UNSEEN = "The server shows no logprobs that could be compared"
UNITS = "nats"

LATE = 64
"""Position from which on a difference that grows is looked for: there the windows of the fixture
models are full. Stretches before it are short, so that their maximum is a matter of chance."""

TINY = 1e-9
AROUND = 8
"""Tokens before and after a divergence that are shown."""


def offered(evidence: Evidence, client: Client) -> None:
    """Something was shown, and all that was asked for on a route that works.

    Raises:
        Inconclusive: no route shows logprobs; the reason of each.
        Failed: a route that works for some prompts fails for others.
    """
    if not evidence.seen:
        raise unseen(evidence)
    if evidence.troubles:
        client.exchanges += evidence.broken
        raise Failed(
            f"Logprobs are shown for some prompts and not for others. {evidence.troubles[0]}",
            expected="the same for every prompt that fits the context",
            actual=" ".join(evidence.troubles),
            cause="Logprobs fail for some prompts",
        )


def unseen(evidence: Evidence) -> Inconclusive:
    """The judgement on a server that shows nothing: why, and what would decide."""
    why = [f"{name}: {reason}" for name, reason in evidence.failures.items()]
    why = why or [sentence.rstrip(".") for sentence in evidence.left_out]
    return Inconclusive(
        f"{UNSEEN}: logprobs of greedy tokens would decide ({'; '.join(why) or 'nothing came'})",
        cause=UNSEEN,
    )


def decided(parity: Parity) -> None:
    """Raises Inconclusive where too few positions were compared."""
    if parity.verdict == "undecided":
        raise Inconclusive(parity.reason, actual=f"{parity.positions} positions")


def within(compared: Compared, client: Client, *names: str, before: str = "") -> None:
    """The figures of those names are within production's band; all figures if none is named.

    Args:
        before: what is said before the reason.

    Raises:
        Failed: the one that is furthest outside, with the request at the worst position.
        Inconclusive: too little was seen.
    """
    parity = compared.parity
    decided(parity)
    outside = [
        each for each in parity.figures if not each.inside and (each.name in names or not names)
    ]
    if not outside:
        return
    far = max(outside, key=_times)
    prompt, position = compared.worst(far.name)
    show(compared, client, prompt, position)
    raise Failed(
        before + parity.reason,
        expected=f"{far.name} of at most {far.limit:.4g} {UNITS}",
        actual=f"{far.value:.4g} {UNITS}, worst at position {position} of prompt {prompt}",
        cause=before.rstrip(". ") or CAUSE,
    )


def favourite(compared: Compared, client: Client) -> None:
    """Where another token is the likeliest, production hardly preferred its own.

    Raises:
        Failed, Inconclusive: as `within`.
    """
    decided(compared.parity)
    limit, margin = compared.parity.figure("margin").limit, compared.rows.lost()
    if margin > limit:
        prompt, position = compared.worst("margin")
        show(compared, client, prompt, position)
        raise Failed(
            compared.parity.reason,
            expected=f"production's favourite, or a token at most {limit:.4g} {UNITS} behind it",
            actual=f"one {margin:.4g} {UNITS} behind, at position {position} of prompt {prompt}",
            cause=CAUSE,
        )


def steady(compared: Compared, client: Client) -> None:
    """From `LATE` on no stretch is further from production than production's own there.

    Raises:
        Failed: the stretch that is furthest outside.
        Inconclusive: too little was seen, or too little from `LATE` on.
    """
    decided(compared.parity)
    late = [each for each in compared.parity.by_position if each.begin >= LATE]
    known = [each for each in late if each.limit is not None and each.count >= ENOUGH]
    if not known:
        raise Inconclusive(
            f"Too little was seen from position {LATE} on: a server that shows more would decide"
        )
    outside = [each for each in known if each.limit is not None and each.max > each.limit]
    if not outside:
        return
    far = max(outside, key=lambda each: each.max / (each.limit or TINY))
    prompt, position = compared.worst_from(far.begin, max(1, 2 * far.begin))
    show(compared, client, prompt, position)
    raise Failed(
        f"{compared.parity.reason} By position it is outside from {outside[0].begin} on",
        expected=f"KL of at most {far.limit:.4g} {UNITS} at positions from {far.begin} on",
        actual=f"{far.max:.4g} {UNITS} at position {position} of prompt {prompt}; by position "
        + ", ".join(f"{each.begin}: {each.max:.2g}" for each in compared.parity.by_position),
        cause=CAUSE,
    )


def parted(far: Divergence, limit: float, tokenizer: Tokenizer) -> Failed:
    """The judgement on greedy text that leaves production's where it was sure of its token."""

    def around(ids: Sequence[int]) -> str:
        place = far.position - far.length
        known = [token for token in ids[max(0, place - AROUND) : place + AROUND] if token >= 0]
        return f"{'…' if place > AROUND else ''}{tokenizer.decode(known, specials=True)}"

    return Failed(
        f"After prompt {far.prompt} greedy text leaves production's at token "
        f"{far.position - far.length + 1}, where production preferred its own by "
        f"{far.margin:.4g} {UNITS}",
        expected=f"{around(far.production)}, or a token at most {limit:.4g} {UNITS} behind it",
        actual=around(far.target),
        cause="Greedy text is not production's",
    )


def show(compared: Compared, client: Client, prompt: str, position: int) -> None:
    """Puts the request that showed a position among a requirement's evidence, as its last."""
    if exchange := compared.exchange(prompt, position):
        client.exchanges.append(exchange)


def _times(figure: Figure) -> float:
    return figure.value / (figure.limit or TINY)
