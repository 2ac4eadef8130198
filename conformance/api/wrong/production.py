"""What production answers to wrong values, on file, and what follows for a target.

A file of `fixtures/openai/wrong/` is written by `python -m conformance.api.wrong.record` from a
server: for each operation, field and class of values the statuses that it answered.
"""

from __future__ import annotations

from collections import defaultdict
from enum import Enum
from functools import cache
from pathlib import Path

import fixtures.openai

FOLDER = Path(fixtures.openai.__file__).parent / "wrong"

Key = tuple[str, str, str]
"""Operation, field and class."""


class Duty(Enum):
    """What a target has to do with a class of values."""

    REFUSE = "production refuses all of them"
    ANSWER = "production takes some, or nobody knows: answer, or refuse honestly"
    SURVIVE = "production answers some with a fault of its own: that is no departure"


@cache
def answers() -> dict[Key, tuple[frozenset[int], ...]]:
    """The statuses of each recorded production."""
    found: dict[Key, list[frozenset[int]]] = defaultdict(list)
    for file in sorted(FOLDER.glob("*.tsv")):
        for line in file.read_text("utf-8").splitlines():
            if line and not line.startswith("#"):
                operation, field, sort, statuses = line.split("\t")
                told = frozenset(int(status) for status in statuses.split(","))
                found[operation, field, sort].append(told)
    return {key: tuple(told) for key, told in found.items()}


def duty(operation: str, field: str, sort: str) -> Duty:
    """What follows from all productions on file together."""
    told = answers().get((operation, field, sort), ())
    if any(status >= 500 for statuses in told for status in statuses):
        return Duty.SURVIVE
    if told and all(min(statuses) >= 400 for statuses in told):
        return Duty.REFUSE
    return Duty.ANSWER
