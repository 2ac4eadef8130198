"""The end of a log, fit to be shown to a person."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

_TAIL_BYTES = 65_536
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


def tail(path: Path, lines: int) -> list[str]:
    """The last lines that are not empty, without colours and control characters.

    A progress bar that rewrites its line counts as the lines that it wrote. A file that cannot be
    read has none.
    """
    return _lines(path, lambda size: size - _TAIL_BYTES)[-lines:]


def find(path: Path, text: str, begin: int = 0) -> str | None:
    """The first line with `text` in it from the byte `begin` on, cleaned as in `tail`."""
    return next((line for line in _lines(path, lambda size: begin) if text in line), None)


def _lines(path: Path, begin: Callable[[int], int]) -> list[str]:
    """The lines after a place in the file, which its size decides."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, begin(log.seek(0, os.SEEK_END))))
            text = log.read().decode(errors="replace")
    except OSError:
        return []
    clean = (_CONTROL.sub("", line).strip() for line in re.split(r"[\r\n]+", text))
    return [line for line in clean if line]
