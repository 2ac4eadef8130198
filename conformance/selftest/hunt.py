"""A run of the suite on one mutant, which may end as soon as a requirement has killed it."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conformance import catalogue
from conformance.evidence import Result
from conformance.outcomes import Outcome, counts_against
from conformance.plugin import result_of
from conformance.requirements import requirement_of


@dataclass(frozen=True)
class Quarry:
    """A mutant as it is hunted.

    Attributes:
        name: as its table has it.
        area: what the requirement that kills it must speak of, a regular expression.
        among: beginnings of ids that are measured first.
    """

    name: str
    area: str
    among: tuple[str, ...] = ()

    def named_by(self, result: Result) -> bool:
        """Whether a result speaks of the area of the fault, and not only of its effect."""
        said = f"{result.id} {result.title} {result.message} {result.cause}"
        return re.search(self.area, said, re.IGNORECASE) is not None


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


class _Hunt:
    """The pytest plugin of one hunt."""

    def __init__(self, quarry: Quarry, *, to_the_end: bool) -> None:
        self.quarry, self.to_the_end = quarry, to_the_end
        self.found = Caught(quarry.name)
        self._session: pytest.Session | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        self._session = session
        items.sort(key=self._turn)

    def _turn(self, item: pytest.Item) -> bool:
        stated = requirement_of(item)
        return not (stated and stated.id.startswith(self.quarry.among))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result = result_of(report)
        if result is None or result.outcome is Outcome.PASS:
            self.found.measured += result is not None
            return
        self.found.measured += 1
        if result.outcome is Outcome.ERROR:
            self.found.errors.append(result.id)
        elif counts_against(result.outcome, result.level):
            if self.quarry.named_by(result):
                self.found.killers[result.id] = result.message
            else:
                self.found.beside.append(result.id)
        if self.found.killed and not self.to_the_end and self._session:
            self._session.shouldstop = "killed"


def hunt(
    quarry: Quarry, options: Sequence[str], parts: Sequence[str], *, to_the_end: bool = False
) -> Caught:
    """Sets the suite on a mutant, in this process.

    Args:
        options: pytest's, which name the target and the profile.
        parts: folders of the suite.
        to_the_end: every requirement is measured; by default until one has killed the mutant.
    """
    began, plugin = time.monotonic(), _Hunt(quarry, to_the_end=to_the_end)
    with tempfile.TemporaryDirectory(prefix="maccord-hunt-") as folder:
        reported = ["--report", str(Path(folder))] if "--report" not in options else []
        catalogue.run_pytest([*options, *reported], [plugin], parts)
    plugin.found.seconds = round(time.monotonic() - began, 1)
    return plugin.found
