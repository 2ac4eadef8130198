"""Greedy text, compared with production's: as tokens where they are shown, else as it is said."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.api import answers
from conformance.api.ask import Ask
from conformance.api.numerics import judging, said
from conformance.api.numerics.session import Numerics
from conformance.compare.divergences import Divergence, divergences
from conformance.evidence import Exchange
from conformance.outcomes import Inconclusive
from conformance.recording.prompts import Prompt
from fixtures.models.scripted import SCRIPTED

_KNOWN = "script-"
"""Prompts that the scripted model knows the answer to by heart."""


def like_production(numerics: Numerics, ask: Ask, *, excused: float | None = None) -> None:
    """Greedy text is production's, as far as production was sure of its own tokens.

    Where tokens were shown they are compared; else, and wherever the scripted model knows the
    answer, the text.

    Args:
        excused: nats by which production may have preferred a token that is another; those of its
            own band if None. What the scripted model knows by heart is never excused.

    Raises:
        Failed: the departure from the token that production preferred most.
        Inconclusive: no prompt can be sent in a form that the server takes.
    """
    recorded = numerics.production.snapshot.prompts
    if excused is None:
        excused = numerics.production.band(numerics.evidence.shown or None).parted
    shown = numerics.evidence.greedy
    parted = divergences(recorded, shown)
    for each in _outside(numerics, parted, excused):
        if exchange := numerics.evidence.exchange(each.prompt, each.position - 1):
            numerics.client.exchanges.append(exchange)
    _judge(numerics, parted, excused)
    if shown and not _scripted(numerics):
        return
    prompts = [prompt for prompt in numerics.prompts if _says_text(numerics, prompt)]
    if not prompts and not shown:
        raise Inconclusive(
            "No prompt of production's can be sent as text or messages: a server that takes token "
            "ids would decide"
        )
    greedy: dict[str, list[int]] = {}
    sent: dict[str, Exchange] = {}
    for prompt in prompts:
        found = recorded[prompt.name]
        text = _ask(ask, prompt, len(found.token_ids) - found.prompt_length)
        sent[prompt.name] = numerics.client.exchanges[-1]
        greedy[prompt.name] = said.tokens(text, found, numerics.tokenizer)
    parted = divergences(recorded, greedy)
    numerics.client.exchanges += [sent[each.prompt] for each in _outside(numerics, parted, excused)]
    _judge(numerics, parted, excused)


def _judge(numerics: Numerics, parted: Sequence[Divergence], excused: float) -> None:
    for each in _outside(numerics, parted, excused)[-1:]:
        raise judging.parted(each, _limit(numerics, each, excused), numerics.tokenizer)


def _outside(numerics: Numerics, parted: Sequence[Divergence], excused: float) -> list[Divergence]:
    """Those that nothing excuses, the worst last."""
    found = [each for each in parted if each.margin > _limit(numerics, each, excused)]
    return sorted(found, key=lambda each: each.margin)


def _limit(numerics: Numerics, parted: Divergence, excused: float) -> float:
    """Nats; what the model knows by heart has none."""
    if _scripted(numerics) and parted.prompt.startswith(_KNOWN):
        return 0.0
    return excused


def _scripted(numerics: Numerics) -> bool:
    return numerics.production.model == SCRIPTED.name


def _says_text(numerics: Numerics, prompt: Prompt) -> bool:
    """Whether production's answer is a text that any chat server gives as it is."""
    found = numerics.production.snapshot.prompts[prompt.name]
    text = numerics.tokenizer.decode(
        [int(token) for token in found.token_ids[found.prompt_length :]]
    )
    # Some servers give what a model thinks in a field of its own.
    sendable = prompt.messages is not None or prompt.text is not None
    return sendable and bool(text.strip()) and "<think>" not in text


def _ask(ask: Ask, prompt: Prompt, count: int) -> str:
    if prompt.messages is not None:
        return answers.chat(ask.chat(prompt.messages, max_tokens=count)).text
    return answers.completion(ask.complete(prompt.text or "", max_tokens=count)).text
