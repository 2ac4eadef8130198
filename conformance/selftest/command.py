"""`maccord selftest`: how much the suite catches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from conformance.selftest import kills
from conformance.selftest.depths import NAMES, Depth, Hunting, depth
from conformance.selftest.hunt import Caught, Until
from conformance.targets.errors import TargetError

Chosen = dict[Depth, list[str]]
"""Names of mutants, by depth."""


def chosen(names: Sequence[str], depths: Sequence[str] = (), *, quick: bool = False) -> Chosen:
    """The mutants of these names; without any all of some depths, or those of a quick selftest.

    Raises:
        TargetError: there is no such mutant, or no such depth.
    """
    if unknown := [name for name in depths if name not in NAMES]:
        raise TargetError(f"There is no depth {unknown[0]!r}: the depths are {', '.join(NAMES)}.")
    found = {each: list(each.mutants) for each in map(depth, depths or NAMES)}
    if names:
        return _named(names, found)
    return {each: list(each.quick) if quick else every for each, every in found.items()}


def _named(names: Sequence[str], among: Chosen) -> Chosen:
    known = {name for every in among.values() for name in every}
    if unknown := [name for name in names if name not in known]:
        raise TargetError(f"There is no mutant {unknown[0]!r}: `maccord selftest --list` has them.")
    picked = {each: [name for name in names if name in each.mutants] for each in among}
    return {each: some for each, some in picked.items() if some}


def run(mutants: Chosen, how: Hunting) -> dict[Depth, list[Caught]]:
    """Hunts depth by depth, and says of each mutant what it came to.

    Raises:
        TargetError: the server cannot be had.
    """
    found: dict[Depth, list[Caught]] = {}
    for each, names in mutants.items():
        found[each] = []
        for caught in each.hunted(names, how):
            found[each].append(caught)
            line = _line(each, caught)
            how.console.print(line, highlight=False, markup=False, soft_wrap=True)
    return found


def note(found: Mapping[Depth, Sequence[Caught]], until: Until, file: Path) -> None:
    """Takes what killed what into a file of `kills`."""
    today = [name for each in map(depth, NAMES) for name in each.mutants]
    every = [each for some in found.values() for each in some]
    kills.write(kills.merged(kills.read(file), every, until, today), file)


def _line(of: Depth, each: Caught) -> str:
    if each.killed:
        weakest = "" if of.weakest is None or of.weakest(each)[0] else "  UNSEEN on the weakest"
        return f"killed    {each.name}  by {next(iter(each.killers))}  {each.seconds} s{weakest}"
    beside = f"; fell beside it: {', '.join(each.beside[:3])}" if each.beside else ""
    return f"SURVIVES  {each.name}  {each.measured} requirements{beside}"
