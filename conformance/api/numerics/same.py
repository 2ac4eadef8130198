"""The same prompt in two circumstances: how near the server is to itself.

It is held to production's nearness to itself; see `conformance.compare.itself`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from conformance.api.numerics import judging
from conformance.api.numerics.asking import Asking
from conformance.api.numerics.compared import Compared
from conformance.api.numerics.gather import SHOWN
from conformance.api.numerics.session import Numerics
from conformance.compare import parity
from conformance.compare.itself import Itself
from conformance.evidence import Exchange
from conformance.outcomes import Failed, Inconclusive, Unsupported
from conformance.recording.endpoint import Lost, Nonsense, Refused
from conformance.recording.probing import Probing
from conformance.recording.prompts import Prompt
from conformance.recording.routes import Continuation, Dialect, Generated, Route
from conformance.recording.rows import Seen
from fixtures.snapshots import Recorded
from fixtures.snapshots.configurations import DEFAULT

COUNT = 16
"""Tokens after a prompt."""

FEW = 4
"""Prompts that are asked for in two circumstances."""

MANY = 8
"""Requests in flight at once where company is wanted."""

_BUSY = ("status 429", "status 503")


def among_strangers(numerics: Numerics) -> None:
    """Alone, and with strangers. Raises as `_same`."""
    asking = numerics.asking
    chosen = _chosen(asking)
    company = asking.company(chosen, MANY - len(chosen))
    with _answering():
        alone = asking.alone(chosen, COUNT)
        together = asking.together(chosen, company, COUNT)
    _same(numerics, alone, together, "Among other requests a prompt is answered otherwise. ")


def when_repeated(numerics: Numerics) -> None:
    """Twice, by itself. Raises as `_same`."""
    asking = numerics.asking
    chosen = _chosen(asking)
    with _answering():
        first, second = asking.alone(chosen, COUNT), asking.alone(chosen, COUNT)
    _same(numerics, first, second, "The same request is answered otherwise the second time. ")


def when_cached(numerics: Numerics) -> None:
    """New, again, and with half its own answer after it. Raises as `_same`."""
    asking = numerics.asking
    prompts = asking.fresh(FEW)
    if not prompts:
        raise Inconclusive(
            "No prompt can be made new in a form that this server takes: token ids would decide"
        )
    cold: dict[str, Seen] = {}
    cached: dict[str, Seen] = {}
    with _answering():
        for prompt in prompts:
            found = asking.follow(prompt, COUNT)
            cold[f"{prompt.name}-again"] = cold[f"{prompt.name}-longer"] = found
            cached[f"{prompt.name}-again"] = asking.follow(prompt, COUNT)
            half = found.token_ids[found.prompt_length :][: COUNT // 2]
            if longer := asking.extended(prompt, half):
                cached[f"{prompt.name}-longer"] = asking.follow(longer, COUNT - len(half))
    _same(numerics, cold, cached, "A prompt that is cached is answered otherwise than a new one. ")


def after_a_cousin(numerics: Numerics) -> None:
    """By itself, and after another prompt with the same beginning. Raises as `_same`."""
    asking = numerics.asking
    cousins = [(prompt, asking.cousin(prompt)) for prompt in _chosen(asking)]
    chosen = [prompt for prompt, cousin in cousins if cousin is not None]
    after: dict[str, Seen] = {}
    with _answering():
        before = asking.alone(chosen, COUNT)
        for prompt, cousin in cousins:
            if cousin is not None:
                asking.follow(cousin, 1)
                after[prompt.name] = asking.follow(prompt, COUNT)
    _same(
        numerics,
        before,
        after,
        "After another prompt with the same beginning a prompt is answered otherwise. ",
    )


def as_text_and_as_ids(numerics: Numerics) -> None:
    """As text, and as the ids that the tokenizer makes of it.

    Raises:
        Unsupported: the server takes one of them only.
        Failed, Inconclusive: as `_same`.
    """
    prompts = [prompt for prompt in numerics.prompts if prompt.text is not None][: 2 * FEW]
    if not prompts:
        raise Inconclusive(
            "No prompt of production's is a text to the tokenizer: one that is would decide"
        )
    ids = _on(Generated, numerics, prompts)
    text = _on(Continuation, numerics, prompts)
    _same(numerics, ids, text, "A prompt as text is answered otherwise than in token ids. ")


def _on(kind: type[Route], numerics: Numerics, prompts: list[Prompt]) -> dict[str, Seen]:
    """What a route shows.

    Raises:
        Unsupported: it is refused.
        Failed: what it shows cannot be.
    """
    route = kind(numerics.endpoint, numerics.names)
    probing = Probing([route], prompts, SHOWN)
    found = probing.best(prompts[0])
    with _answering():
        if found is not None:
            asking = Asking(found.route, found.how, prompts, numerics.tokenizer)
            return asking.alone(prompts, COUNT)
        with suppress(Refused):
            route.follow(prompts[0], Dialect(SHOWN), COUNT)
    raise Unsupported(
        f"Not every form of a prompt shows logprobs ({kind.name}: {probing.failures[kind.name]})",
        cause="Prompts are taken in one form only, or without logprobs",
    )


def _chosen(asking: Asking) -> list[Prompt]:
    """The longest prompts."""
    return sorted(asking.prompts, key=lambda prompt: -len(prompt.token_ids or ()))[:FEW]


def _same(
    numerics: Numerics,
    first: Mapping[str, Seen],
    second: Mapping[str, Seen],
    otherwise: str,
) -> None:
    """The second are as near to the first as production is to itself.

    Raises:
        Failed: they are not; `otherwise` says so.
        Inconclusive: too little could be compared.
    """
    reference, seen = _recorded(first), _recorded(second)
    # A server does not say its dtype; production's band for its default is the wider one.
    own = Itself.of(numerics.production, DEFAULT.dtype, reference)

    def exchange(prompt: str, position: int) -> Exchange | None:
        return second[prompt].sources.get(position)

    compared = Compared(parity.compare(own, seen), own, seen, exchange)
    judging.within(compared, numerics.client, before=otherwise)


def _recorded(found: Mapping[str, Seen]) -> dict[str, Recorded]:
    return {name: each.recorded() for name, each in found.items() if each.rows}


@contextmanager
def _answering() -> Iterator[None]:
    """Makes a judgement of what goes wrong with a request that went well before."""
    try:
        yield
    except Lost as lost:
        raise lost.failure from None
    except Nonsense as nonsense:
        raise Failed(f"Logprobs of a prompt cannot be: {nonsense}") from None
    except Refused as refused:
        if str(refused).startswith(_BUSY):
            raise Inconclusive(
                f"The server says that it is busy ({refused}): an idle one would decide"
            ) from None
        raise Failed(f"A prompt like those that were answered is refused: {refused}") from None
