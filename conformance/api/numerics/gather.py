"""Gathers the strongest evidence of its distribution that a server offers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from conformance.api.numerics import forms
from conformance.api.numerics.anchoring import Walk, walk
from conformance.api.numerics.evidence import Evidence
from conformance.compare.production import Production
from conformance.compare.tokens import Tokenizer
from conformance.evidence import Exchange
from conformance.recording.endpoint import Endpoint, Nonsense, Refused
from conformance.recording.names import TokenNames
from conformance.recording.probing import Found, Probing
from conformance.recording.prompts import Prompt
from conformance.recording.routes import ROUTES, Dialect, Generated, Route
from conformance.recording.rows import holes
from fixtures.snapshots import Recorded

SHOWN = 20
"""Tokens of a position that are asked for: as many as production's chat endpoint allows."""

_ALL: tuple[type[Route], ...] = (*ROUTES, Generated)
KNOWN: dict[str, type[Route]] = {kind.name: kind for kind in _ALL}
"""Routes that can be asked for by name. `Generated` is what `Replay` shows without its replay."""


@dataclass(frozen=True)
class _Came:
    """What came of one prompt: a walk on a route, or a sentence why not.

    Attributes:
        broke: the server failed or answered what cannot be, where it had to refuse or do it;
            `exchange` is that request.
    """

    prompt: Prompt
    found: Found | None = None
    walk: Walk | None = None
    why: str = ""
    broke: bool = False
    exchange: Exchange | None = None


def gather(
    endpoint: Endpoint,
    production: Production,
    tokenizer: Path | None,
    *,
    route: str | None = None,
    shown: int = SHOWN,
    workers: int = 4,
    context: int | None = None,
) -> Evidence:
    """Sees production's prompts on the strongest route that works.

    Args:
        tokenizer: folder of the served model's tokenizer.json; without it only ids are sent, and
            only names that are ids are understood.
        route: the only one to try, of `KNOWN`; by default the strongest of `ROUTES` that works.
        shown: tokens of a position to ask for.
        workers: requests in flight at once.
        context: the server's context length, where known; longer sequences are left out.

    Raises:
        RecordingError: the server was lost, or refuses access.
        ValueError: there is no such route.
    """
    if route is not None and route not in KNOWN:
        raise ValueError(f"There is no route {route!r}; choose from {', '.join(KNOWN)}.")
    began, sent = time.monotonic(), endpoint.requests
    reader = Tokenizer(tokenizer) if tokenizer else None
    names = TokenNames(tokenizer, production.snapshot.provenance["vocabulary"])
    kinds: tuple[type[Route], ...] = ROUTES if route is None else (KNOWN[route],)
    prompts = forms.prompts(production, reader)
    probing = Probing([kind(endpoint, names) for kind in kinds], prompts, shown)

    def see(prompt: Prompt) -> _Came:
        return _see(prompt, production, probing, reader, context)

    with ThreadPoolExecutor(workers) as pool:
        came = list(pool.map(see, prompts))
    return _evidence(
        production,
        came,
        probing,
        requests=endpoint.requests - sent,
        seconds=round(time.monotonic() - began, 2),
    )


def _see(
    prompt: Prompt,
    production: Production,
    probing: Probing,
    tokenizer: Tokenizer | None,
    context: int | None,
) -> _Came:
    recorded = production.snapshot.prompts[prompt.name]
    found = probing.best(prompt)
    if found is None:
        return _Came(prompt, why="no route shows logprobs of a prompt in this form")
    # One token is always generated, after all that was.
    if context is not None and len(recorded.token_ids) + 1 > context:
        return _Came(prompt, found, why=f"its tokens fill the context of {context}")
    try:
        return _Came(prompt, found, walk(prompt, recorded, found, tokenizer))
    except Refused as refused:
        why, broke = str(refused), not refused.invalid
    except Nonsense as nonsense:
        why, broke = str(nonsense), True
    return _Came(prompt, found, why=why, broke=broke, exchange=found.route.endpoint.last)


def _evidence(
    production: Production,
    came: Sequence[_Came],
    probing: Probing,
    *,
    requests: int,
    seconds: float,
) -> Evidence:
    routes: Counter[str] = Counter()
    dialects: dict[str, Dialect] = {}
    seen: dict[str, Recorded] = {}
    greedy: dict[str, list[int]] = {}
    exchanges: list[Exchange] = []
    index: dict[int, int] = {}
    sources: dict[str, dict[int, int]] = {}
    anchors = 0
    for each in came:
        if each.walk is None or each.found is None:
            continue
        name, route = each.prompt.name, each.found.route.name
        greedy[name] = each.walk.said
        anchors += each.walk.anchors
        if (recorded := each.walk.recorded) is None:
            continue
        seen[name] = recorded
        routes[route] += len(recorded.positions)
        dialects[route] = each.found.how
        sources[name] = {}
        for position, exchange in sorted(each.walk.sources.items()):
            if id(exchange) not in index:
                index[id(exchange)] = len(exchanges)
                exchanges.append(exchange)
            sources[name][position] = index[id(exchange)]
    return Evidence(
        production=production,
        routes={route.name: routes[route.name] for route in probing.routes if routes[route.name]},
        dialects=dialects,
        shown=min((found.top_ids.shape[1] for found in seen.values()), default=0),
        seen=seen,
        greedy=greedy,
        anchors=anchors,
        requests=requests,
        seconds=seconds,
        failures=dict(probing.failures),
        left_out=_left_out(came, probing),
        troubles=_troubles(came),
        broken=_broken(came),
        exchanges=exchanges,
        sources=sources,
    )


def _left_out(came: Sequence[_Came], probing: Probing) -> list[str]:
    """What was not seen, in sentences."""
    used = {each.found.route.name for each in came if each.found and each.walk}
    names: dict[str, list[str]] = {}
    for each in came:
        if each.walk is None:
            names.setdefault(each.why, []).append(each.prompt.name)
    return [
        *(route.unseen for route in probing.routes if route.name in used and route.unseen),
        *holes(each.walk.seen.left_out for each in came if each.walk),
        *(f"Prompts {', '.join(sorted(some))}: {why}." for why, some in names.items()),
    ]


def _troubles(came: Sequence[_Came]) -> list[str]:
    """What failed, or cannot be, in sentences."""
    return [
        f"Prompt {each.prompt.name}: {why}."
        for each in came
        for why in [*([each.why] if each.broke else []), *(each.walk.troubles if each.walk else [])]
    ]


def _broken(came: Sequence[_Came]) -> list[Exchange]:
    """The requests that failed, or whose answers cannot be."""
    found = [each.exchange for each in came if each.broke]
    found += [exchange for each in came if each.walk for exchange in each.walk.broken]
    return [exchange for exchange in found if exchange is not None]
