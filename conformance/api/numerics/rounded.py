"""Judgements on a target whose weights are quantised: further from production than they take it?"""

from __future__ import annotations

from conformance.api.ask import Ask
from conformance.api.numerics import judging, texts
from conformance.api.numerics.session import Numerics
from conformance.compare import quantised
from conformance.outcomes import Failed, Inconclusive


def no_further(numerics: Numerics, bits: int) -> None:
    """The server is no further from production than weights of so many bits are.

    Raises:
        Failed: it is, with the request at the worst position.
        Inconclusive: too little was seen.
    """
    compared = numerics.compared
    if compared.parity.verdict == "inside":
        return  # as near as production is to itself: nothing needs an excuse
    if compared.parity.broken:
        raise Failed(compared.parity.reason, expected="numbers", cause="Logprobs are no numbers")
    judged = quantised.judge(numerics.production, compared.seen, bits)
    if judged.verdict == "undecided":
        raise Inconclusive(judged.reason, actual=f"{judged.figures.positions} positions")
    if judged.verdict == "inside":
        return
    prompt, position = compared.worst("kl_max")
    judging.show(compared, numerics.client, prompt, position)
    diagnosis = f" {compared.parity.diagnosis}" if compared.parity.diagnosis else ""
    outside = [figure for figure in judged.compared() if not figure.inside]
    raise Failed(
        judged.reason + diagnosis,
        expected="; ".join(f"{figure.name} of at most {figure.limit:.4g}" for figure in outside),
        actual="; ".join(f"{figure.value:.4g}" for figure in outside)
        + f", worst at position {position} of prompt {prompt}",
        cause=f"Further from production than weights of {bits} bits are",
    )


def text(numerics: Numerics, ask: Ask, bits: int) -> None:
    """Greedy text is production's until a token that weights of so many bits overturn.

    Raises:
        Failed: the departure from the token that production preferred most.
        Inconclusive: no prompt can be sent in a form that the server takes.
    """
    excused = quantised.overturned(numerics.production.model, bits)
    texts.like_production(numerics, ask, excused=excused)
