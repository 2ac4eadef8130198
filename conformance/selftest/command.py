"""`maccord selftest`: how much the suite catches."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from conformance.selftest import protocol
from conformance.selftest.hunt import Caught
from conformance.targets.errors import TargetError
from conformance.targets.progress import Display
from fixtures.mutants.protocol import PROTOCOL, ProtocolMutant

BY_NAME = {mutant.name: mutant for mutant in PROTOCOL}


def chosen(names: Sequence[str], *, quick: bool) -> list[ProtocolMutant]:
    """The mutants of these names; without any all of them, or every `protocol.QUICK`th.

    Raises:
        TargetError: there is no such mutant.
    """
    if unknown := [name for name in names if name not in BY_NAME]:
        raise TargetError(f"There is no mutant {unknown[0]!r}: `maccord selftest --list` has them.")
    found = [BY_NAME[name] for name in names] or list(PROTOCOL)
    return found[:: protocol.QUICK] if quick and not names else found


def run(
    mutants: Sequence[ProtocolMutant],
    console: Console,
    *,
    python: Path | None = None,
    workers: int = 2,
    to_the_end: bool = False,
) -> list[Caught]:
    """Starts the server, hunts, and says of each mutant what it came to.

    Raises:
        TargetError: the server cannot be had.
    """
    found = []
    with tempfile.TemporaryDirectory(prefix="maccord-") as folder, ExitStack() as stack:
        with Display(console) as progress:
            hunter = stack.enter_context(protocol.proxy(Path(folder), python, progress))
        for each in hunter.hunted(mutants, workers=workers, to_the_end=to_the_end):
            found.append(each)
            console.print(_line(each), highlight=False, markup=False, soft_wrap=True)
    return found


def _line(each: Caught) -> str:
    if each.killed:
        return f"killed    {each.name}  by {next(iter(each.killers))}  {each.seconds} s"
    beside = f"; fell beside it: {', '.join(each.beside[:3])}" if each.beside else ""
    return f"SURVIVES  {each.name}  {each.measured} requirements{beside}"
