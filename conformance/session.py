"""One session of pytest over a target that is there already, with its progress on a console."""

from __future__ import annotations

import pytest
from rich.console import Console

from conformance import catalogue
from conformance.certify import Certification
from conformance.kinds import kind_of
from conformance.live import LiveReporter
from conformance.plugin import CERTIFICATION
from conformance.report.certificate import Certificate
from conformance.targets.errors import TargetError


class _Begun:
    """Hands a run that has begun already to the plugin."""

    def __init__(self, run: Certification) -> None:
        self._run = run

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[CERTIFICATION] = self._run


def measure(
    run: Certification,
    console: Console,
    label: str = "",
    *,
    processes: int | None = None,
) -> Certificate:
    """Measure the requirements of the run's profile, and end the target.

    Args:
        label: stands before what is shown meanwhile.
        processes: how many measure, one of them being this process itself; by default one for each
            request that may be in flight.

    Raises:
        TargetError: the suite cannot be run.
    """
    try:
        with LiveReporter(run.folder, console, label) as live:
            arguments = [
                "--profile",
                run.options.profile or "",
                *_in(processes or run.options.workers),
            ]
            catalogue.run_pytest(arguments, [_Begun(run), live], kind_of(run.target).parts)
    finally:
        run.close()
    if run.certificate is None or live.troubles:
        raise TargetError("\n".join(["The suite could not be run.", *live.troubles]))
    return run.certificate


def _in(processes: int) -> list[str]:
    if processes == 1:
        return []
    return ["-p", "xdist", "-n", str(processes), "--maxprocesses", str(processes)]
