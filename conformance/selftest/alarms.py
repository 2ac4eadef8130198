"""The section of docs/detection.md on false alarms.

Figures of `benchmarks/false_alarms.py`, which writes `alarms.tsv`, and what they led to, kept by
hand in `alarms.toml`.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

RUNS = Path(__file__).with_name("alarms.tsv")
FILE = Path(__file__).with_name("alarms.toml")

HEAD = """
## False alarms

Targets that are sound are certified as a whole, again and again: servers with 2 to 12 requests at
once, a runner with one. In every other run a process keeps one of two cores busy
(`benchmarks/false_alarms.py`); beside some there was much other work, and the seconds are of that.

| target | runs | requirements judged in each | FAIL or SILENT | ERROR | INCONCLUSIVE | seconds |
|---|---|---|---|---|---|---|
"""

MET = """
Met on the way, and no longer in the figures:

| requirement | of | what it said | what was done |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Alarm:
    """A sound target that was blamed.

    Attributes:
        id: the requirement's.
        target: who was blamed.
        why: for what, and what was behind it.
        done: what has been done.
    """

    id: str
    target: str
    why: str
    done: str


def met() -> Iterator[Alarm]:
    """All that are written down, in their order."""
    for each in tomllib.loads(FILE.read_text(encoding="utf-8"))["alarm"]:
        yield Alarm(**each)


def runs() -> list[dict[str, str]]:
    """The runs on file, by column."""
    with RUNS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def markdown(found: Sequence[Mapping[str, str]] | None = None) -> str:
    """The section.

    Args:
        found: runs; by default those on file.
    """
    ordered = sorted(runs() if found is None else found, key=itemgetter("target"))
    rows = (_row(target, list(some)) for target, some in groupby(ordered, itemgetter("target")))
    led = (f"| `{each.id}` | {each.target} | {each.why} | {each.done} |\n" for each in met())
    return HEAD + "".join(rows) + MET + "".join(led)


def _row(target: str, some: Sequence[Mapping[str, str]]) -> str:
    judged = {int(each["PASS"]) + int(each["FAIL"]) + int(each["SILENT"]) for each in some}
    wrong = sum(int(each["FAIL"]) + int(each["SILENT"]) for each in some)
    errors = sum(int(each["ERROR"]) for each in some)
    cells = (
        target,
        len(some),
        _range(judged),
        wrong,
        errors,
        _range({int(each["INCONCLUSIVE"]) for each in some}),
        _range({int(each["seconds"]) for each in some}),
    )
    return f"| {' | '.join(map(str, cells))} |\n"


def _range(values: set[int]) -> str:
    least, most = min(values), max(values)
    return str(least) if least == most else f"{least} to {most}"
