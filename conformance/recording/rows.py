"""One position as a server shows it: its likeliest tokens, checked before they are believed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from conformance.compare.logprobs import ROUNDING
from conformance.evidence import Exchange
from conformance.recording.endpoint import Nonsense
from conformance.recording.names import TokenNames, Unknown
from fixtures.snapshots import Recorded

IMPOSSIBLE = -9999.0
"""What vLLM writes for the logprob of a token that cannot come, since JSON has no infinity."""


@dataclass(frozen=True)
class Scored:
    """A token and its logprob by the server's name for it, with its alternatives.

    `text` is what the server says beside an id that the token stands for.
    """

    name: object
    logprob: object
    alternatives: tuple[tuple[object, object], ...]
    text: object = None


@dataclass(frozen=True)
class Row:
    """The likeliest tokens at one position, the likeliest first."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]


@dataclass
class Seen:
    """What was seen of one prompt.

    Attributes:
        token_ids: the prompt, and what was generated after it.
        rows: by position; the row after `token_ids[: position + 1]`.
        left_out: positions that were shown and are not recorded, by the reason for it.
        sources: by position, the request that showed the row, where it is known.
    """

    token_ids: list[int]
    prompt_length: int
    rows: dict[int, Row] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    sources: dict[int, Exchange] = field(default_factory=dict)

    def recorded(self) -> Recorded:
        """As a snapshot holds it: a logprob is a logit whose logsumexp is 0."""
        positions = sorted(self.rows)
        k = min(len(self.rows[position].ids) for position in positions)
        return Recorded(
            token_ids=np.array(self.token_ids, dtype=np.int32),
            prompt_length=self.prompt_length,
            positions=np.array(positions, dtype=np.int32),
            top_ids=np.array([self.rows[p].ids[:k] for p in positions], dtype=np.int32),
            top_logits=np.array([self.rows[p].logprobs[:k] for p in positions], dtype=np.float32),
            logsumexp=np.zeros(len(positions), dtype=np.float32),
        )


def row_of(scored: Scored, names: TokenNames, asked: int, given: int | None) -> Row:
    """The `asked` likeliest tokens of a position, or the `given` ones where the server gives fewer.

    vLLM and OpenAI add the token itself where it is not among the likeliest; it does not belong to
    them and is left away.

    Raises:
        Unknown: a token cannot be told, or some are missing, so that the row has holes.
        Nonsense: these cannot be logprobs of one distribution.
    """
    if not scored.alternatives:
        raise Nonsense("a position has no alternatives")
    values = [(name, number(logprob)) for name, logprob in scored.alternatives]
    _distribution([logprob for _, logprob in values])
    listed = sorted(((names.id_of(name), value) for name, value in values), key=_likeliest_first)
    ids = [id for id, _ in listed]
    if len(set(ids)) < len(ids):
        raise Nonsense("a token is listed twice at one position")
    if len(ids) > asked + 1:
        raise Nonsense(f"{len(ids)} alternatives came where {asked} were asked for")
    _stands_there(scored, listed, names)
    extra = len(ids) > asked or (len(ids) < asked and _is(scored, ids[-1], names) and len(ids) > 1)
    kept = listed[:-1] if extra else listed
    if given is not None and len(kept) < given:
        raise Unknown(f"fewer than {given} alternatives came, so that some are missing")
    kept = kept[:given]
    return Row(tuple(id for id, _ in kept), tuple(logprob for _, logprob in kept))


def number(value: object) -> float:
    """A logprob. Raises Nonsense where it cannot be one."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise Nonsense(f"a logprob is {value!r}")
    if value > ROUNDING:
        raise Nonsense(f"a logprob is {value:g}, which is above 0")
    return float(value)


def likeliest(row: Row, id: int) -> bool:
    """Whether no token of the row is likelier than this one, but for rounding."""
    return any(
        other == id and logprob >= row.logprobs[0] - ROUNDING
        for other, logprob in zip(row.ids, row.logprobs, strict=True)
    )


def holes(left_out: Iterable[Mapping[str, int]]) -> list[str]:
    """Sentences that say how many positions were left out, and why."""
    total: Counter[str] = Counter()
    for each in left_out:
        total.update(each)
    return [
        f"{count} position{'s' if count > 1 else ''}: {reason}."
        for reason, count in total.items()
        if count
    ]


def _likeliest_first(entry: tuple[int, float]) -> tuple[float, int]:
    return -entry[1], entry[0]


def _distribution(logprobs: list[float]) -> None:
    total = math.fsum(math.exp(logprob) for logprob in logprobs)
    if total > 1 + ROUNDING:
        raise Nonsense(f"the probabilities of one position sum to {total:g}")
    ranked = sorted(logprobs, reverse=True)
    if len(ranked) > 1 and ranked[0] >= -ROUNDING and ranked[1] <= IMPOSSIBLE:
        raise Nonsense("one token has probability 1 and all others 0: that is after sampling")


def _is(scored: Scored, id: int, names: TokenNames) -> bool:
    try:
        return names.id_of(scored.name) == id
    except Unknown:
        return False


def _stands_there(scored: Scored, listed: list[tuple[int, float]], names: TokenNames) -> None:
    """The position's own token has the logprob of its alternatives, or is less likely than all."""
    if scored.logprob is None:
        return
    own = number(scored.logprob)
    for id, logprob in listed:
        if _is(scored, id, names):
            if abs(logprob - own) > ROUNDING:
                raise Nonsense(
                    f"token {id} has logprob {own:g}, and {logprob:g} among its alternatives"
                )
            return
    if own > listed[-1][1] + ROUNDING:
        raise Nonsense("a position's own token is likelier than its alternatives, and not listed")
