"""Why requirements stay that kill no mutant: kept by hand in `kept.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("kept.toml")


@dataclass(frozen=True)
class Kept:
    """Requirements that stay for one reason.

    Attributes:
        ids: what their ids begin with, regular expressions.
        why: a sentence.
        shown: a file of tests that makes them fall, or what they judge by.
    """

    ids: tuple[str, ...]
    why: str
    shown: str

    def speaks_of(self, id: str) -> bool:
        """Whether a requirement is one of these."""
        return any(re.match(each, id) for each in self.ids)


@cache
def kept() -> tuple[Kept, ...]:
    """All reasons, in their order."""
    written = tomllib.loads(FILE.read_text(encoding="utf-8"))["kept"]
    return tuple(Kept(tuple(each["ids"]), each["why"], each["shown"]) for each in written)


def sorted_out(ids: Iterable[str]) -> tuple[dict[Kept, list[str]], list[str]]:
    """Requirements by the first reason that speaks of them, and those without any."""
    found: dict[Kept, list[str]] = {each: [] for each in kept()}
    without: list[str] = []
    for id in ids:
        reason = next((each for each in found if each.speaks_of(id)), None)
        (without if reason is None else found[reason]).append(id)
    return {reason: some for reason, some in found.items() if some}, without
