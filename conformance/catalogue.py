"""Every requirement of the suite, found by collecting it as pytest does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from conformance.compare import production
from conformance.kinds import PARTS
from conformance.requirements import Requirement, of_model, requirement_of

SUITE = Path(__file__).parent


def pytest_arguments(parts: Sequence[str]) -> list[str]:
    """Arguments that run parts of the suite, whatever the current folder's configuration says."""
    return [
        *(str(SUITE / part) for part in parts),
        f"--rootdir={SUITE.parent}",
        f"--config-file={os.devnull}",
        "-p",
        "conformance.plugin",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:terminal",
    ]


def run_pytest(arguments: Sequence[str], plugins: Sequence[object], parts: Sequence[str]) -> int:
    """Run pytest in this process, free of a person's own pytest settings and plugins."""
    kept = dict(os.environ)
    os.environ.pop("PYTEST_ADDOPTS", None)
    # Inherited by xdist's workers, for which imports are most of the time to start.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        return int(pytest.main([*pytest_arguments(parts), *arguments], plugins=list(plugins)))
    finally:
        os.environ.clear()
        os.environ.update(kept)


@cache
def known_ids() -> frozenset[str]:
    """The id of every requirement, and of each of its models where it is one of a model each.

    They are collected by a process of its own: inside a running pytest a second collection would
    disturb the first.
    """
    command = [sys.executable, "-m", "conformance", "requirements", "--json"]
    listed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    stated = [Requirement.from_json(each) for each in listed]
    return frozenset(of_model(each, model).id for each in stated for model in production.names())


class _Collector:
    def __init__(self) -> None:
        self.requirements: list[Requirement] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.requirements = [found for item in items if (found := requirement_of(item))]


@cache
def requirements() -> tuple[Requirement, ...]:
    """Every requirement of every profile, in the order of their ids.

    Raises:
        RuntimeError: the suite cannot be collected.
    """
    collector = _Collector()
    code = run_pytest(["--collect-only"], [collector], PARTS)
    if code != pytest.ExitCode.OK or not collector.requirements:
        raise RuntimeError(f"the suite cannot be collected (pytest ended with {code})")
    return tuple(sorted(collector.requirements, key=lambda found: found.id))
