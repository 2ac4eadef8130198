"""Long work shows itself, on a terminal and in the log of a CI."""

from __future__ import annotations

import io

from rich.console import Console

from conformance.targets import progress
from conformance.targets.progress import Display


def test_plain_lines_without_a_terminal(monkeypatch):
    clock = iter([0.0, 1.0, 20.0, 21.0, 22.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    file = io.StringIO()
    with Display(Console(file=file, width=20)) as show:
        show("Starting mlx-lm", "")
        show("Starting mlx-lm", "too soon for another line")
        show("Starting mlx-lm", "[red]as the log has it[/red] " + "x" * 500)
        show("Starting mlx-lm", "too soon again")
        show("Certifying", "")
    first, second, third = file.getvalue().splitlines()
    assert first == "Starting mlx-lm"
    assert second.startswith("Starting mlx-lm (20 s): [red]as the log has it[/red] xxx")
    assert len(second) < 160
    assert third == "Certifying"


def test_one_live_line_on_a_terminal():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=60, color_system=None)
    with Display(console) as show:
        show("Starting mlx-lm", "")
        show("Starting mlx-lm", "[/red] " + "x" * 500)
    assert "Starting mlx-lm" in file.getvalue()
    assert "[/red] xxx" in file.getvalue()
    assert max(map(len, file.getvalue().replace("\r", "\n").splitlines())) < 90
