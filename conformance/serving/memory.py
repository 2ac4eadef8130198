"""How much memory a server's processes hold, where they run on this machine."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import psutil

from conformance.api import answers
from conformance.api.ask import Ask
from conformance.api.prompts import Prompts, user
from conformance.api.transport.crowd import at_once
from conformance.outcomes import Failed, Inconclusive
from conformance.targets.server import ServerTarget

REQUESTS = 1000
AT_ONCE = 10
PARTS = 4

LEAK = 20 * 1024
"""Bytes a request that are held for ever. vLLM 0.32 on a CPU, twice 1,000 requests: up to 24 KiB
in the first part, while caches are filled; later up to 9 KiB in one, below 1 KiB in the next."""

MIB = 1024 * 1024


def held(target: ServerTarget) -> int:
    """Bytes of the server's processes that are in memory.

    Raises:
        Inconclusive: they are not known, or not here.
    """
    for process in psutil.process_iter(["cmdline"]) if target.command else ():
        if tuple(process.info["cmdline"] or ()) == target.command:
            every = [process, *process.children(recursive=True)]
            return sum(each.memory_info().rss for each in every)
    raise Inconclusive(
        "The server's processes are not known: one that Maccord starts (--backend) would decide",
        cause="The server was not started by Maccord",
    )


def after_each_part(ask: Ask, prompts: Prompts, target: ServerTarget) -> list[int]:
    """What is held after each part of many requests, of which no two are the same."""
    found = [held(target)]
    size = REQUESTS // PARTS
    for part in range(PARTS):
        for start in range(part * size, (part + 1) * size, AT_ONCE):
            asked = range(start, min(start + AT_ONCE, (part + 1) * size))
            at_once([partial(_ask, ask, prompts, number) for number in asked])
        ask.client.exchanges.clear()
        found.append(held(target))
    return found


def _ask(ask: Ask, prompts: Prompts, number: int) -> None:
    messages = [user(f"This is number {number}. " * 8), *prompts.words]
    answers.chat(ask.chat(messages, max_tokens=1))


def does_not_grow(found: list[int]) -> None:
    """Memory does not grow with each part, once caches are filled by the first ones.

    Raises:
        Failed: it does, in each of the last two.
    """
    size = REQUESTS // PARTS
    grown = [(after - before) / size for before, after in pairwise(found)]
    if min(grown[-2:]) > LEAK:
        raise Failed(
            "Memory grows with each request",
            expected=f"at most {LEAK // 1024} KiB a request, after the first {2 * size}",
            actual=f"{[round(each / MIB) for each in found]} MiB after each {size} requests",
        )
