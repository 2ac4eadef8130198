"""A run that takes up an earlier one of the same report folder.

`--resume` measures what has no result yet, on the same target, for the same certificate.
`--since-failed` measures only what fell short, on a target that may have changed since; it tells a
developer whether that holds now, and certifies nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from conformance.evidence import Result
from conformance.options import Options
from conformance.outcomes import Level, Outcome, counts_against
from conformance.report.certificate import Target
from conformance.report.facts import suite_facts
from conformance.run import ABOUT, RunFolder
from conformance.targets.errors import TargetError

_OF_THE_START = ("base_url", "command", "claims", "server_header")
"""What may be otherwise when the same backend is started again."""


def subject(target: Target, profile: str, known_failures: str | None) -> dict[str, Any]:
    """What a run is on: results of two runs on the same may stand in one certificate.

    Args:
        known_failures: the file's hash.
    """
    described = asdict(target)
    if target.command:
        described = {k: v for k, v in described.items() if k not in _OF_THE_START}
    stated = {"profile": profile, "known_failures": known_failures, "suite": asdict(suite_facts())}
    plain: dict[str, Any] = json.loads(json.dumps({**described, **stated}))
    return plain


def check_earlier(options: Options) -> None:
    """Raise TargetError where there is no earlier run to take up, or not in this way."""
    if not options.takes_up:
        return
    if options.resume and options.since_failed:
        raise TargetError("Give one of --resume and --since-failed.")
    folder = options.report and options.report / "run"
    if folder is None or not any(folder.rglob(ABOUT)):
        raise TargetError(
            f"There is no run to take up in {options.report or 'no folder'}: "
            "--report names the folder of the one that is meant."
        )
    if options.since_failed and not (folder / ABOUT).is_file():
        raise TargetError(
            "--since-failed is for a run over one model, and that one was over several."
        )


def take_up(options: Options, folder: RunFolder, now: dict[str, Any]) -> list[str]:
    """Make the folder ready for the rest of its run, or for a part of it anew.

    Returns:
        Notes for the certificate.

    Raises:
        TargetError: the earlier run was on something else, or nothing of it is to be repeated.
    """
    earlier, planned, results = folder.about(), folder.planned(), folder.results()
    if earlier is None or not planned:
        folder.reset()  # it ended before its first requirement
        return []
    if options.since_failed:
        held = {found.id for found in results if not _fell_short(found)}
        short = {each.id for each in planned} - held
        if not short:
            raise TargetError("Nothing fell short in the last run: there is nothing to repeat.")
        folder.reset()
        folder.set_only(short)
        return []
    for name in now:
        if now[name] != earlier["subject"].get(name):
            raise TargetError(
                f"The run in {folder.path} cannot be resumed: {name.replace('_', ' ')} was "
                f"{earlier['subject'].get(name)!r} and is {now[name]!r} now."
            )
    kept = {found.id: found for found in results if found.outcome is not Outcome.ERROR}
    folder.keep(kept.values())
    folder.set_only({each.id for each in planned} - set(kept))
    return [
        f"Resumed: {len(kept)} of {len(planned)} requirements were measured in a session that "
        f"began at {earlier['began']}."
    ]


def no_certificate(results: Iterable[Result], measured: str) -> str:
    """Why a run over a part of a profile is no certificate, though every MUST of it holds.

    Args:
        measured: that part, in words.
    """
    found = list(results)
    short = sum(map(_fell_short, found))
    hold = f"{short} of {len(found)} fall short below MUST" if short else f"all {len(found)} hold"
    return (
        f"only {measured} was measured; {hold} now, and a run of the whole profile would certify."
    )


def _fell_short(found: Result) -> bool:
    """Whether it keeps a target from being certified, or is a departure."""
    undecided = found.outcome is Outcome.INCONCLUSIVE and found.level is Level.MUST
    departs = counts_against(found.outcome, found.level)
    return departs or undecided or found.outcome is Outcome.ERROR
