"""A client that hangs up in the middle of a long answer: whether the work for it stops."""

from __future__ import annotations

import time
from dataclasses import dataclass

from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.api.transport.usual import CHAT, Usual
from conformance.outcomes import Failed, Inconclusive
from conformance.targets.metrics import GENERATED, RUNNING, Metrics
from conformance.targets.wire import Wire

TOKENS = 1000
"""Length of the answer that is asked for first, unless the context is shorter."""

PROMPT = 128
"""Tokens of the context that are left to the prompt."""

ATTEMPTS = 4
"""On a busy machine an answer is complete before its client has come to hang up; not each time."""

BEGUN_S = 0.2
"""After which a server works on a request of which nothing is seen before its end."""

PATIENCE_S = 20.0
_POLL_S = 0.1


@dataclass(frozen=True)
class Gone:
    """What was seen after a client hung up.

    Attributes:
        stopped: whether the server says that it works for nobody any more.
        generated: tokens that it generated for the one who is gone, by its own count.
        wanted: tokens that were asked for.
    """

    stopped: bool
    generated: float
    wanted: int

    @property
    def in_time(self) -> bool:
        """The work stopped before its end.

        How long before is no matter: between the beginning and the end of a client a busy machine
        lets time pass.
        """
        return self.stopped and self.generated <= 0.95 * self.wanted


def stops(ask: Ask, prompts: Prompts, *, stream: bool, context: int | None) -> None:
    """A client asks for a long answer, and hangs up when it has begun: the work on it stops.

    Raises:
        Inconclusive: the server counts nothing that could be looked at, or is too quick.
        Failed: it goes on each time, or the next request waits for the answer that nobody reads.
    """
    found = None
    for wanted in lengths(context):
        found = hang_up(ask, prompts, stream=stream, wanted=wanted) or found
        if found is not None and found.in_time:
            return
    if found is None:
        raise Inconclusive(
            "The answer was complete before its client could hang up: a longer context, or a "
            "machine with less to do, would decide",
            cause="The answer was complete before its client could hang up",
        )
    raise Failed(
        "The server goes on with an answer after its client has gone",
        expected=f"fewer than {found.wanted} tokens",
        actual=f"{found.generated:.0f} tokens, {'nothing' if found.stopped else 'more'} to come",
    )


def lengths(context: int | None) -> list[int]:
    """Lengths of the answers to ask for, one after another."""
    most = (context or 2 * TOKENS) - PROMPT
    return [min(TOKENS, most // 2), *[most] * (ATTEMPTS - 1)]


def hang_up(ask: Ask, prompts: Prompts, *, stream: bool, wanted: int) -> Gone | None:
    """Asks for a long answer, hangs up when it has begun, and looks at what the server counts.

    None if it was complete before.

    Raises:
        Inconclusive: the server counts nothing that could be looked at.
        Failed: the next request waits for the answer that nobody reads.
    """
    usual = Usual.asked(ask, prompts)
    before = Metrics.of(ask.client)
    body = {**usual.body, "messages": prompts.long, "max_tokens": wanted, "ignore_eos": True}
    with Wire(ask.client) as wire:
        wire.send(wire.request("POST", CHAT, {**body, "stream": stream}))
        if stream:
            rate = _begun(wire)
        else:
            time.sleep(BEGUN_S)
            rate = 1.0
        came = wire.more(0.001, in_all_s=0.05)
        if b"[DONE]" in came if stream else came:
            return None
    left = time.monotonic()
    usual.is_answer(ask.client.post(CHAT, usual.body))
    waited = time.monotonic() - left
    if before is None or GENERATED not in before or RUNNING not in before:
        if stream and waited > max(2.0, 0.5 * wanted / rate):
            raise Failed(
                "The next request waits for an answer that nobody reads any more",
                expected="the work stops",
                actual=f"{waited:.1f} s for {usual.body['max_tokens']} tokens",
            )
        raise Inconclusive(
            f"The server does not say what it works on: {RUNNING} and {GENERATED} at /metrics "
            "would decide",
            cause="The server counts nothing at /metrics",
        )
    return _seen(ask, usual, before, wanted)


def _begun(wire: Wire) -> float:
    """Reads a little of a stream. Tokens a second, by the events that came."""
    came, began = b"", 0.0
    while came.count(b"data: ") < 6:
        came += wire.read_some()
        began = began or time.monotonic()
    return 5 / max(time.monotonic() - began, 1e-3)


def _seen(ask: Ask, usual: Usual, before: Metrics, wanted: int) -> Gone:
    """Looks until nothing runs any more. Each look asks for a little: an idle engine counts not."""
    until, asked = time.monotonic() + PATIENCE_S, 1
    while True:
        usual.is_answer(ask.client.post(CHAT, usual.body))
        asked += 1
        now = Metrics.of(ask.client)
        running = now[RUNNING] if now and RUNNING in now else 0.0
        generated = (now[GENERATED] if now else 0.0) - before[GENERATED]
        generated -= asked * usual.body["max_tokens"]
        if not running or time.monotonic() > until:
            return Gone(not running, generated, wanted)
        time.sleep(_POLL_S)
