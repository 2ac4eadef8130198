"""The section of docs/detection.md on the suite's own tests: figures kept by hand in `own.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("own.toml")

HEAD = """
## The suite's own tests

{how}

| part | mutants | killed | left alive |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Own:
    """A part of the suite whose code was mutated.

    Attributes:
        files: whose code, as paths or patterns from the checkout's root.
        mutants: how many were counted.
        killed: how many of them a test of `tests/` fails on.
        alive: what the others are.
        open: what is not known yet, or not reached; empty if nothing.
    """

    part: str
    files: tuple[str, ...]
    mutants: int
    killed: int
    alive: str
    open: str = ""


def _written() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def own() -> Iterator[Own]:
    """The parts, in their order."""
    for each in _written()["part"]:
        yield Own(**{**each, "files": tuple(each["files"])})


def markdown() -> str:
    """The section."""
    how = " ".join(_written()["how"].split())
    lines = (
        f"| {each.part} | {each.mutants} | {each.killed} ({each.killed / each.mutants:.1%}) | "
        f"{each.alive}{each.open and f'. Open: {each.open}'} |\n"
        for each in own()
    )
    return HEAD.format(how=how) + "".join(lines)
