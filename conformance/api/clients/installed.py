"""Clients that other people wrote, where they are installed."""

from __future__ import annotations

import importlib
from typing import Any

from conformance.outcomes import Inconclusive, Level

PACKAGES = {"anthropic": "anthropic", "agents": "openai-agents"}
"""The distribution of each module."""


class NotInstalled(Inconclusive):
    """The client is not there to be run; no target answers for that."""

    level = Level.SHOULD


def module(name: str) -> Any:
    """A client's module.

    Raises:
        NotInstalled: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        raise NotInstalled(
            f"The client `{PACKAGES[name]}` cannot be run here: `pip install {PACKAGES[name]}` "
            "would decide",
            actual=missing,
            cause="A client of other people's is not installed",
        ) from None
