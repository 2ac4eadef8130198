"""Which requirement killed which mutant, as far as mutants were hunted: kept in `kills.tsv`.

`maccord selftest --until near --kills conformance/selftest/kills.tsv` takes in what it found.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from conformance.requirements import base
from conformance.selftest.hunt import Caught, Until

FILE = Path(__file__).with_name("kills.tsv")

HEAD = ("mutant", "requirement")

Kills = dict[str, list[str]]
"""Requirements by mutant, both in order; a requirement stands for all of its cases."""


def read(file: Path = FILE) -> Kills:
    """What a file has; nothing where there is none."""
    found: Kills = {}
    if file.exists():
        with file.open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows, delimiter="\t"):
                found.setdefault(row["mutant"], []).append(row["requirement"])
    return found


def merged(
    before: Mapping[str, Iterable[str]], found: Iterable[Caught], until: Until, today: Iterable[str]
) -> Kills:
    """What was known with what was found.

    A mutant that was hunted beyond its first kill is known anew; its first kill alone is added.

    Args:
        today: names of the mutants that there are; others are left out.
    """
    kills = {name: set(ids) for name, ids in before.items()}
    for each in found:
        ids = set(base(each.killers))
        kills[each.name] = ids | (kills.get(each.name, set()) if until is Until.KILLED else set())
    return {name: sorted(kills[name]) for name in sorted(set(today)) if kills.get(name)}


def write(kills: Mapping[str, Iterable[str]], file: Path) -> None:
    """Writes a file that `read` reads."""
    with file.open("w", encoding="utf-8", newline="") as rows:
        table = csv.writer(rows, delimiter="\t", lineterminator="\n")
        table.writerow(HEAD)
        table.writerows((name, id) for name, ids in kills.items() for id in ids)
