"""The section of docs/detection.md on survivors met: kept by hand in `met.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("met.toml")

HEAD = """
## Survivors met on the way

What lived when it was first hunted, or was killed only from afar, and what was done about it.

| mutant | why it lived | what was done | killed by |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Met:
    """A mutant that lived, or that only something far from its fault had killed.

    Attributes:
        mutant: its name.
        why: what was missing.
        done: what has been done.
        by: ids of the requirements that kill it now.
    """

    mutant: str
    why: str
    done: str
    by: tuple[str, ...]


def met() -> Iterator[Met]:
    """All that are written down, in their order."""
    for each in tomllib.loads(FILE.read_text(encoding="utf-8"))["met"]:
        yield Met(each["mutant"], each["why"], each["done"], tuple(each["by"]))


def markdown() -> str:
    """The section."""
    lines = (
        f"| `{each.mutant}` | {each.why} | {each.done} | "
        f"{', '.join(f'`{id}`' for id in each.by)} |\n"
        for each in met()
    )
    return HEAD + "".join(lines)
