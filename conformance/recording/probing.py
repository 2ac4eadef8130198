"""Finds out which routes a server offers, and how it has to be asked on each."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from conformance.recording.endpoint import Nonsense, Refused
from conformance.recording.prompts import Prompt
from conformance.recording.routes import Dialect, Replay, Route

LADDER = (100, 50, 20, 10, 5, 1)
"""Alternatives a position that are tried after a refusal that names no limit."""

PROBED = 4
"""Tokens that a prompt should have to try a route with it, and that are generated after it: few,
and some inside."""


TRIED = 3
"""Prompts that a route is tried with, where answers cannot be read: one may end in the middle of a
character, or stand among tokens of one name."""


@dataclass(frozen=True)
class Found:
    """A route that works, and how the server is asked on it."""

    route: Route
    how: Dialect


class Probing:
    """Tries each route once, when a prompt first needs it.

    Args:
        routes: the strongest first.
        prompts: all that are to be recorded; short ones of them are tried.
        top: alternatives a position that are wanted.
    """

    def __init__(self, routes: Sequence[Route], prompts: Sequence[Prompt], top: int) -> None:
        self.routes, self.prompts, self.top = routes, prompts, top
        self.failures: dict[str, str] = {}
        self._found: dict[str, Found | None] = {}
        self._lock = threading.Lock()

    def best(self, prompt: Prompt) -> Found | None:
        """The strongest route that works for this prompt."""
        for route in self.routes:
            if route.fits(prompt):
                with self._lock:
                    if route.name not in self._found:
                        self._found[route.name] = self._try(route)
                if found := self._found[route.name]:
                    return found
        return None

    def _try(self, route: Route) -> Found | None:
        prompts = _short([prompt for prompt in self.prompts if route.fits(prompt)])
        reason = ""
        for how in _manners(route, self.top):
            for prompt in prompts:
                try:
                    return Found(route, self._settle(route, prompt, how))
                except Refused as refused:
                    reason = reason or str(refused)
                    if not refused.invalid:
                        self.failures[route.name] = reason
                        return None
                    break
                except Nonsense as nonsense:
                    reason = reason or str(nonsense)
        self.failures[route.name] = reason
        return None

    def _settle(self, route: Route, prompt: Prompt, how: Dialect) -> Dialect:
        """The dialect with as many alternatives as the server allows. Raises as `Route.see`."""
        before = ""
        while True:
            try:
                seen = route.see(prompt, how, PROBED)
                break
            except Refused as refused:
                named = _below(how.asked, map(int, re.findall(r"\d+", str(refused))))
                # The same words, and no number in them: the number is not what is wrong.
                fewer = named or (str(refused) != before and _below(how.asked, LADDER))
                if not refused.invalid or not fewer:
                    raise
                before, how = str(refused), replace(how, asked=fewer)
        if not seen.rows:
            reasons = list(seen.left_out) or ["nothing was scored"]
            raise Nonsense(reasons[0])
        return replace(how, given=max(len(row.ids) for row in seen.rows.values()))


def _manners(route: Route, top: int) -> Iterator[Dialect]:
    for extras in (True, False):
        for together in (True, False) if isinstance(route, Replay) else (True,):
            yield Dialect(top, extras=extras, together=together)


def _below(asked: int, numbers: Iterable[int]) -> int | None:
    """The largest of them that is less than what was asked for."""
    return max((number for number in numbers if 0 < number < asked), default=None)


def _short(prompts: Sequence[Prompt]) -> list[Prompt]:
    """The shortest prompts that have some tokens, or text."""

    def length(prompt: Prompt) -> tuple[bool, int]:
        size = len(prompt.token_ids or prompt.text or str(prompt.messages))
        return size < PROBED, size if size >= PROBED else -size

    return sorted(prompts, key=length)[:TRIED]
