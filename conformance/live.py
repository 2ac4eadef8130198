"""What a person sees while a run goes on: a bar, and a line for each departure."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from conformance.outcomes import Outcome
from conformance.plugin import result_of
from conformance.report.text import visible
from conformance.run import RunFolder

_STYLES = {
    Outcome.FAIL: "bold red",
    Outcome.SILENT: "bold magenta",
    Outcome.ERROR: "bold yellow",
    Outcome.UNSUPPORTED: "cyan",
    Outcome.INCONCLUSIVE: "cyan",
    Outcome.WAIVED: "dim",
}


class LiveReporter:
    """A pytest plugin, as a context manager, that stands in for pytest's own terminal output."""

    def __init__(self, folder: RunFolder, console: Console, label: str = "") -> None:
        self._folder, self._console = folder, console
        self._bar = Progress(
            TextColumn(f"{label}measuring", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task, self._total = self._bar.add_task("requirements", total=None), 0
        self.troubles: list[str] = []

    def __enter__(self) -> LiveReporter:
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (result := result_of(report)) is None:
            return
        self._total = self._total or len(self._folder.planned())
        self._bar.update(self._task, advance=1, total=self._total)
        if style := _STYLES.get(result.outcome):
            line = Text(f"{result.outcome:<12} ", style=style)
            line.append(result.id, style="default")
            line.append(f"  {visible(result.message.splitlines()[0])}", style="dim")
            line.truncate(self._console.width, overflow="ellipsis")
            self._bar.console.print(line)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.troubles.append(f"{report.nodeid}: {report.longreprtext}")
