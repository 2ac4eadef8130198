"""Runs the requirements of the profile on a server of the small production."""

from __future__ import annotations

from pathlib import Path

from conformance.evidence import Result
from conformance.selftest import judged
from tests.numerics.small import production


def results(
    url: str, tokenizer: Path, folder: Path, *, route: str | None = None, shown: int = 20
) -> dict[str, Result]:
    """What each requirement comes to, by its id without the profile."""
    found = judged.results(
        url, tokenizer, folder, production(), model="prod", route=route, shown=shown
    )
    return {each.id.removeprefix("numerics/"): each for each in found}
