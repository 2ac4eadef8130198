"""The end of a log, fit to be shown to a person."""

from __future__ import annotations

import os
import re
from pathlib import Path

_TAIL_BYTES = 65_536
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


def tail(path: Path, lines: int) -> list[str]:
    """The last lines that are not empty, without colours and control characters.

    A progress bar that rewrites its line counts as the lines that it wrote. A file that cannot be
    read has none.
    """
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
    except OSError:
        return []
    clean = (_CONTROL.sub("", line).strip() for line in re.split(r"[\r\n]+", text))
    return [line for line in clean if line][-lines:]
