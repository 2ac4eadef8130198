"""One prompt along production's own tokens: where a server departs from them it is led back.

A server shows its distribution after what it says itself. From its first other token on, that is no
longer the context that production was in; so it is sent the prompt again with production's tokens
up to and including that one, and goes on from there, until the whole sequence is covered.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

import numpy as np

from conformance.api.numerics.forms import extended
from conformance.compare.tokens import Tokenizer
from conformance.evidence import Exchange
from conformance.recording.endpoint import Nonsense, Refused
from conformance.recording.probing import Found
from conformance.recording.prompts import Prompt
from conformance.recording.routes import Chat
from conformance.recording.rows import Seen
from fixtures.snapshots import Recorded
from fixtures.snapshots.noise import common_prefix

ANCHORS = 16
"""Times that a server is led back in one prompt, at most: a broken one departs at every token."""


@dataclass
class Walk:
    """What was seen of one prompt.

    Attributes:
        seen: rows after production's own tokens, at positions that production has.
        said: the server's own greedy continuation.
        anchors: how often it was led back.
        troubles: sentences: the server failed, or answered what cannot be; `broken`: the requests.
    """

    seen: Seen
    said: list[int]
    anchors: int = 0
    troubles: list[str] = field(default_factory=list)
    broken: list[Exchange | None] = field(default_factory=list)

    @property
    def recorded(self) -> Recorded | None:
        return self.seen.recorded() if self.seen.rows else None

    @property
    def sources(self) -> dict[int, Exchange]:
        """The request that showed a position."""
        return {
            place: found for place, found in self.seen.sources.items() if place in self.seen.rows
        }


def walk(
    prompt: Prompt,
    production: Recorded,
    found: Found,
    tokenizer: Tokenizer | None,
    *,
    anchors: int = ANCHORS,
) -> Walk:
    """Sees one prompt, as far as the route goes.

    Raises:
        Refused, Nonsense: the first request shows nothing.
    """
    sequence, length = production.token_ids, production.prompt_length
    wanted = set(production.positions.tolist())
    first = found.route.see(prompt, found.how, max(1, len(sequence) - length))
    walked = Walk(Seen(sequence.tolist(), length), first.token_ids[length:])
    reached = _take(first, walked.seen, wanted)
    while any(position >= reached for position in wanted):
        if walked.anchors == anchors:
            _left_out(walked, len(sequence) - 1 - reached, "the server departs at every turn")
            break
        anchored = _anchored(prompt, production, reached, tokenizer, found)
        if anchored is None:
            _left_out(
                walked,
                len(sequence) - 1 - reached,
                "after a departure no prompt in this form leads back to production's tokens",
            )
            break
        skipped = len(anchored.token_ids or ()) - reached - 1
        _left_out(walked, skipped, "no text leads back to production's tokens there")
        walked.anchors += 1
        count = len(sequence) - len(anchored.token_ids or ())
        try:
            reached = _take(found.route.follow(anchored, found.how, count), walked.seen, wanted)
        except (Refused, Nonsense) as reason:
            _left_out(walked, count, f"after a departure: {reason}")
            if not _honest(reason, found):
                walked.troubles.append(str(reason))
                walked.broken.append(found.route.endpoint.last)
            break
    return walked


def _honest(reason: Refused | Nonsense, found: Found) -> bool:
    """Whether a server may say so: it need not know how to go on with an answer in a chat."""
    return isinstance(found.route, Chat) or (isinstance(reason, Refused) and reason.invalid)


def _take(found: Seen, into: Seen, wanted: Container[int]) -> int:
    """Takes the rows at positions that production has, as far as the context is production's; gives
    how many tokens that context has."""
    ours, theirs = np.array(into.token_ids), np.array(found.token_ids)
    same = common_prefix(ours, theirs)
    for position, row in found.rows.items():
        if position < same and position in wanted:
            into.rows[position] = row
            if source := found.sources.get(position):
                into.sources[position] = source
    into.left_out.update(found.left_out)
    return same


def _anchored(
    prompt: Prompt,
    production: Recorded,
    reached: int,
    tokenizer: Tokenizer | None,
    found: Found,
) -> Prompt | None:
    """The prompt with production's tokens up to the one after `reached`, or up to a later one where
    the route's form cannot say it before; None where it never can."""
    sequence, length = production.token_ids, production.prompt_length
    for end in range(reached + 1, len(sequence)):
        anchored = extended(prompt, sequence[length:end].tolist(), tokenizer)
        if found.route.fits(anchored):
            return anchored
    return None


def _left_out(walked: Walk, count: int, reason: str) -> None:
    if count > 0:
        walked.seen.left_out[reason] += count
