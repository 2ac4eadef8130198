"""The end of a run, for the person at the terminal.

Everything is a `rich.text.Text`: what a server sent is never parsed as markup, and its escape
sequences are shown, not obeyed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from conformance.evidence import Result, clip
from conformance.outcomes import Outcome
from conformance.report.certificate import Certificate
from conformance.report.numerics import MARKS, headline, not_inside, quantised
from conformance.report.sections import SYMBOLS, Group, Section, message_beyond_cause, sections
from conformance.report.text import duration, model_name, share, visible, without_ansi

_STYLES = {
    Outcome.PASS: "green",
    Outcome.FAIL: "bold red",
    Outcome.SILENT: "bold magenta",
    Outcome.UNSUPPORTED: "yellow",
    Outcome.INCONCLUSIVE: "cyan",
    Outcome.ERROR: "bold red",
    Outcome.WAIVED: "blue",
}
_VERDICT_STYLES = {0: "bold green", 1: "bold red", 2: "bold yellow"}
_IN_BRIEF = {"refused", "waived"}
"""Sections that do not count: one line a requirement is enough here, the page has the rest."""

_VALUE_LIMIT = 600
"""Characters of an expected or actual value that a terminal shows; the page shows them all."""


def summary(certificate: Certificate, console: Console, files: Sequence[Path] = ()) -> None:
    """Print the verdict, the counts, what departs, and where the report's `files` lie."""
    verdict, target = certificate.verdict, certificate.target
    model = f"model {model_name(target.model)}, " if target.model else ""
    console.print()
    console.print(Text(visible(verdict.sentence), _VERDICT_STYLES[verdict.exit_code]))
    against = f", control {certificate.control.name}" if certificate.control else ""
    console.print(
        Text(
            visible(
                f"{target.name}, {model}"
                f"profile {certificate.profile}{against}, {duration(certificate.duration_s)}"
            ),
            "dim",
        )
    )
    console.print()
    console.print(_counts(certificate))
    if certificate.numerics:
        _print_numerics(certificate, console)
    for section in sections(certificate.results):
        _print_section(section, certificate, console)
    if certificate.log_tail and verdict.exit_code == 2:
        console.print(Text("\nThe end of the backend's log", "bold"))
        console.print(Padding(Text(without_ansi(certificate.log_tail)), (0, 0, 0, 2)))
    for note in certificate.notes:
        console.print(Text(f"\nNote: {visible(note)}"))
    if files:
        console.print(Text("\nReport", "bold"))
        for file in files:
            console.print(Text(f"  {visible(str(file))}"), soft_wrap=True)


def _print_numerics(certificate: Certificate, console: Console) -> None:
    """How many are inside, and a line for each that is not."""
    weights = f" {reduced}." if (reduced := quantised(certificate)) else ""
    console.print(Text(visible(f"\nNumerics: {headline(certificate)}{weights}"), "bold"))
    for found, name, said in not_inside(certificate):
        line = Text(f"  {MARKS[found]} {visible(name)}  ", "bold")
        console.print(line.append(visible(said), "not bold"))


def _counts(certificate: Certificate) -> Table:
    missing = max(certificate.expected_total - len(certificate.results), 0)
    whole = len(certificate.results) + missing
    table = Table(box=None, show_header=False, pad_edge=False)
    for outcome in Outcome:
        count = certificate.verdict.counts[outcome]
        style = _STYLES[outcome] if count else "dim"
        name = Text(f"{SYMBOLS[outcome]} {outcome}", style)
        table.add_row(name, Text(share(count, whole), style if count else "dim"))
    if missing:
        table.add_row(Text("- no result", "bold yellow"), Text(share(missing, whole)))
    return table


def _print_section(section: Section, certificate: Certificate, console: Console) -> None:
    style = _STYLES[section.outcome]
    console.print()
    console.rule(
        Text(f"{SYMBOLS[section.outcome]} {section.title} ({len(section.results)})", style),
        align="left",
        style="dim",
    )
    console.print(Text(section.meaning, "dim"))
    for group in section.groups:
        count = len(group.results)
        heading = Text(f"\n{visible(group.cause)}", "bold")
        heading.append(f"  {count} requirement{'' if count == 1 else 's'}", "not bold dim")
        console.print(heading)
        for result in group.results:
            _print_result(result, group, section, certificate, console)


def _print_result(
    result: Result, group: Group, section: Section, certificate: Certificate, console: Console
) -> None:
    line = Text(f"  {visible(result.id)} ", "bold" if section.key not in _IN_BRIEF else "")
    line.append(f"{result.level}", "dim")
    if control := certificate.control_outcomes.get(result.id):
        line.append(f"  control: {control}", "dim")
    console.print(line)
    details = Table.grid(padding=(0, 2, 0, 0))
    details.add_column(no_wrap=True, style="dim")
    details.add_column(overflow="fold")
    if result.outcome is Outcome.WAIVED:
        details.add_row(f"{result.waived_outcome}", _value(result.waiver_reason))
        details.add_row("link", _value(result.waiver_link))
    elif message := message_beyond_cause(result, group):
        console.print(Padding(_value(message), (0, 0, 0, 4)))
    if section.key not in _IN_BRIEF:
        if result.expected is not None:
            details.add_row("expected", _value(result.expected))
        if result.actual is not None:
            details.add_row("actual", _value(result.actual))
    if details.row_count:
        console.print(Padding(details, (0, 0, 0, 4)))
    if section.key not in _IN_BRIEF and result.exchanges:
        # Not wrapped: a curl line with line feeds inside cannot be pasted.
        console.print(Text(f"    {visible(result.exchanges[-1].curl)}", "cyan"), soft_wrap=True)


def _value(text: str | None) -> Text:
    shown, cut = clip(visible(text or ""), _VALUE_LIMIT)
    return Text(f"{shown}… (the page shows all)" if cut else shown)
