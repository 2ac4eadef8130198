"""Models are small here: threads that wait for each other would take most of the time."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def small_models(one_thread: None) -> None:
    """Every test of this folder."""
