"""A run of the suite on one mutant, which may end as soon as a requirement has killed it."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pytest

from conformance import catalogue
from conformance.evidence import Result
from conformance.outcomes import Outcome, counts_against
from conformance.plugin import result_of
from conformance.requirements import requirement_of


class Until(StrEnum):
    """How far a mutant is hunted: until one requirement has killed it, as far as requirements are
    near to what it alters, or to the end of all."""

    KILLED = "killed"
    NEAR = "near"
    END = "end"


@dataclass(frozen=True)
class Quarry:
    """A mutant as it is hunted.

    Attributes:
        name: as its table has it.
        area: what the requirement that kills it must speak of, a regular expression.
        among: what is measured first, in this order: regular expressions of ids, or of what they
            cover.
        spared: ids that fall without the mutant, too, and so kill nothing.
        near: nothing is measured but what `among` has.
    """

    name: str
    area: str
    among: tuple[str, ...] = ()
    spared: frozenset[str] = frozenset()
    near: bool = False

    def named_by(self, result: Result) -> bool:
        """Whether a result speaks of the area of the fault, and not only of its effect."""
        # A mutant's own name is in its address, and so in what is said of a route.
        said = f"{result.id} {result.message} {result.cause}".replace(f"/{self.name}/", "/")
        named = re.search(self.area, said, re.IGNORECASE) is not None
        return named and result.id not in self.spared


@dataclass
class Caught:
    """What a mutant came to.

    Attributes:
        killers: ids of requirements that fell and spoke of the fault's area, with their messages.
        beside: ids of others that fell.
        errors: ids of requirements that ended in ERROR.
        measured: how many requirements were.
    """

    name: str
    killers: dict[str, str] = field(default_factory=dict)
    beside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    measured: int = 0
    seconds: float = 0.0

    @property
    def killed(self) -> bool:
        return bool(self.killers)


@dataclass
class OnBoth(Caught):
    """What a mutant came to on both evidence routes; what `Caught` has is of the strongest.

    Attributes:
        weakest: the same on the weakest route.
    """

    weakest: Caught = field(default_factory=lambda: Caught(""))


class _Hunt:
    """The pytest plugin of one hunt."""

    def __init__(self, quarry: Quarry, only: Collection[str] | None, until: Until) -> None:
        self.quarry, self.only, self.until = quarry, only, until
        self.found = Caught(quarry.name)
        self._session: pytest.Session | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        self._session = session
        if self.only is not None:
            items[:] = [item for item in items if _id(item) in self.only]
        if self.until is Until.NEAR or self.quarry.near:
            items[:] = [item for item in items if self._place(item) < len(self.quarry.among)]
        items.sort(key=self._place)

    def _place(self, item: pytest.Item) -> int:
        stated = requirement_of(item)
        words = (stated.id, *stated.covers) if stated else ()
        found = (any(re.search(each, word) for word in words) for each in self.quarry.among)
        return next((place for place, near in enumerate(found) if near), len(self.quarry.among))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result = result_of(report)
        if result is None:
            return
        self.found.measured += 1
        if result.outcome is Outcome.ERROR:
            self.found.errors.append(result.id)
        elif counts_against(result.outcome, result.level):
            if self.quarry.named_by(result):
                self.found.killers[result.id] = result.message
            else:
                self.found.beside.append(result.id)
        if self.found.killed and self.until is Until.KILLED and self._session:
            self._session.shouldstop = "killed"


def _id(item: pytest.Item) -> str:
    stated = requirement_of(item)
    return stated.id if stated else ""


def hunt(
    quarry: Quarry,
    options: Sequence[str],
    parts: Sequence[str],
    *,
    only: Collection[str] | None = None,
    until: Until = Until.KILLED,
) -> Caught:
    """Sets the suite on a mutant, in this process.

    Args:
        options: pytest's, which name the target and the profile.
        parts: folders of the suite.
        only: ids of the requirements that are measured; by default all.
        until: how far it is hunted.
    """
    began, plugin = time.monotonic(), _Hunt(quarry, only, until)
    catalogue.run_pytest(options, [plugin], parts)
    plugin.found.seconds = round(time.monotonic() - began, 1)
    return plugin.found
