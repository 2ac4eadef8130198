"""More requests than there is room for: long answers at once, in order, and given up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from conformance.api import answers
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts
from conformance.api.transport.crowd import at_once
from conformance.api.transport.usual import CHAT
from conformance.outcomes import Failed
from conformance.serving.counted import metrics
from conformance.targets.client import Response
from conformance.targets.metrics import KV_USAGE, RUNNING, WAITING
from conformance.targets.wire import Wire

LONG = 12
"""Long answers at once: of the scripted model's, 7,600 tokens with their prompts."""

QUEUED = 40
SHORT_TOKENS = 32
APART_S = 0.02
"""Seconds between two requests whose order is looked at: a server takes one in sooner."""

PATIENCE_S = 15.0


def long_answer(ask: Ask, prompts: Prompts) -> str:
    """The longest answer that the model is sure of."""
    return answers.chat(ask.chat(prompts.long, max_tokens=prompts.long_tokens)).text


def long_answers(ask: Ask, prompts: Prompts) -> list[str]:
    """Several of them at once."""
    return at_once([partial(long_answer, ask, prompts)] * LONG)


def first_tokens(ask: Ask, prompts: Prompts) -> list[float]:
    """Many requests in a queue: for each, in the order of sending, when its first token came.

    Seconds since the first request was sent.
    """
    began = time.monotonic()

    def came(index: int) -> float:
        time.sleep(max(0.0, began + index * APART_S - time.monotonic()))
        sent = time.monotonic()
        body = {"max_tokens": SHORT_TOKENS, "stream": True}
        response = ask.chat(prompts.long, **body)
        return sent - began + _first_text(response)

    return at_once([partial(came, index) for index in range(QUEUED)])


def _first_text(response: Response) -> float:
    """When the first event came, seconds since the request."""
    if response.status != 200 or not response.chunks:
        raise Failed("A request in a queue is not answered", expected="200", actual=response.status)
    return response.chunks[0][0]


def in_order(came: Sequence[float]) -> None:
    """Who asked first is served first: nobody of the first quarter after all of the last one.

    Raises:
        Failed: somebody waited for everybody who came later.
    """
    quarter = len(came) // 4
    last_of_first, last_of_all = max(came[:quarter]), max(came[-quarter:])
    if last_of_first > last_of_all:
        raise Failed(
            "A request waits for all that came after it",
            expected=f"a first token before {last_of_all:.2f} s, as those of the last quarter have",
            actual=f"{last_of_first:.2f} s, for one of the first quarter",
        )


def hang_up_all(ask: Ask, prompts: Prompts) -> None:
    """Fills the server with long answers, and hangs up on all of them when they have begun."""
    body = ask.chat_body(prompts.long, max_tokens=prompts.long_tokens, stream=True)
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(ask.client)) for _ in range(LONG)]
        for wire in wires:
            wire.send(wire.request("POST", CHAT, body))
        wires[0].read_some()


def is_free(ask: Ask, prompts: Prompts) -> None:
    """The server works for nobody, and its memory is free. Raises Failed after `PATIENCE_S`."""
    until = time.monotonic() + PATIENCE_S
    while True:
        # An engine that has nothing to do counts nothing.
        answers.chat(ask.chat(prompts.words, max_tokens=1))
        found = metrics(ask, RUNNING, WAITING, KV_USAGE)
        left = {name: found[name] for name in (RUNNING, WAITING, KV_USAGE) if found[name] > 0}
        if not left:
            return
        if time.monotonic() > until:
            raise Failed(
                "The server still works for clients that have gone", expected="0", actual=left
            )
        time.sleep(0.1)
