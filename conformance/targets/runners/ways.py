"""Every way to run, made from what a runner offers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from conformance.targets.runners.contract import (
    CHUNKS,
    STRANGER,
    WAY_IS,
    Broken,
    Caching,
    Logits,
    Refused,
    Runner,
    Scoring,
    Sequences,
    Way,
    raised,
)
from conformance.targets.runners.rows import checked
from fixtures.snapshots import Recorded
from fixtures.snapshots.rows import recorded


def offered(runner: Runner) -> frozenset[Way]:
    """The ways that a runner has."""
    found = set(runner.ways) if isinstance(runner, Scoring) else set()
    if isinstance(runner, Caching):
        found |= {Way.DECODE, Way.CHUNKS}
        if hasattr(runner, "reuse"):
            found.add(Way.PREFIX)
    return frozenset(found | {Way.ONE_PASS})


def score(runner: Runner, sequences: Sequences, way: Way) -> dict[str, Recorded]:
    """What a runner sees at every position of some sequences, run that way.

    Raises:
        Refused: it does not have this way.
        Broken: it raised something else, or its answer is none.
    """
    if way not in offered(runner):
        raise Refused(f"The runner does not offer {way}: {WAY_IS[way]}.")
    try:
        if isinstance(runner, Scoring) and way in runner.ways:
            return dict(runner.score(sequences, way))
        return {
            name: _one(runner, list(ids), way, index)
            for index, (name, ids) in enumerate(sequences.items())
            if way is not Way.PREFIX or len(ids) > 1
        }
    except (Refused, Broken):
        raise
    except Exception as error:
        raise Broken(f"The runner raised {raised(error)}") from error


def chunks(tokens: int, index: int) -> Iterable[slice]:
    """Where the chunks of the sequence of that index lie; sequences take turns in their size."""
    size = CHUNKS[index % len(CHUNKS)]
    return (slice(begin, begin + size) for begin in range(0, tokens, size))


def shared(token_ids: Sequence[int]) -> tuple[list[int], list[int]]:
    """A first part that another sequence has too, and that other's tail: other tokens."""
    half = len(token_ids) // 2
    own = token_ids[half:]
    other = [token for token in reversed(token_ids) if token != own[0]] or [own[0] ^ 1]
    return list(token_ids[:half]), (other * STRANGER)[:STRANGER]


def _one(runner: Runner, ids: list[int], way: Way, index: int) -> Recorded:
    if way is Way.ONE_PASS:
        return recorded(ids, checked(runner.logits(ids), len(ids)))
    assert isinstance(runner, Caching)
    cache, first = runner.new_cache(), 0
    if way is Way.PREFIX:
        prefix, stranger = shared(ids)
        first = len(prefix)
        checked(runner.extend(cache, prefix), first)
        mine = runner.reuse(cache)  # type: ignore[attr-defined] # offered() has seen it
        # The other sequence goes on first, and must leave nothing behind.
        runner.extend(cache, stranger)
        cache, parts = mine, [slice(first, len(ids))]
    elif way is Way.CHUNKS:
        parts = list(chunks(len(ids), index))
    else:
        parts = [slice(place, place + 1) for place in range(len(ids))]
    rows: list[Logits] = []
    for part in parts:
        rows.append(checked(runner.extend(cache, ids[part]), len(ids[part])))
    return recorded(ids, np.concatenate(rows), first)
