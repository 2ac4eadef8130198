"""How long work shows itself: a spinner with elapsed time, or plain lines in a log of a CI."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

Progress = Callable[[str, str], None]
"""Called with a stage ("Starting mlx-lm") and a detail ("loading weights"), at any rate."""

DETAIL_LIMIT = 120
"""Characters of a detail in a plain line; the last line of a log can be very long."""

HEARTBEAT_S = 15.0
"""Seconds between two plain lines of one stage, where there is no terminal."""


def quiet(stage: str, detail: str) -> None:
    """A `Progress` that shows nothing."""


def labelled(progress: Progress, label: str) -> Progress:
    """`progress` with `label` before every stage."""
    return lambda stage, detail: progress(f"{label}{stage}", detail)


class Display:
    """A `Progress` for people, as a context manager: `with Display() as progress: ...`.

    On a terminal one live line shows the stage, the time that it has taken and the detail. Without
    one, a line is printed when a stage begins and every `HEARTBEAT_S` seconds while it lasts.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live: RichProgress | None = None
        self._task: TaskID | None = None
        self._stage = ""
        self._began = self._printed = 0.0

    def __enter__(self) -> Display:
        if self._console.is_terminal:
            self._live = RichProgress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                TextColumn(
                    "{task.fields[detail]}",
                    markup=False,
                    style="dim",
                    table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
                ),
                console=self._console,
                transient=True,
                expand=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def __call__(self, stage: str, detail: str = "") -> None:
        now = time.monotonic()
        began = stage != self._stage
        if began:
            self._stage, self._began = stage, now
        if self._live:
            if began:
                if self._task is not None:
                    self._live.remove_task(self._task)
                self._task = self._live.add_task(stage, total=None, detail=detail)
            elif self._task is not None:
                self._live.update(self._task, detail=detail)
        elif began or now - self._printed >= HEARTBEAT_S:
            self._printed = now
            elapsed = "" if began else f" ({now - self._began:.0f} s)"
            line = f"{stage}{elapsed}" + (f": {detail[:DETAIL_LIMIT]}" if detail else "")
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
