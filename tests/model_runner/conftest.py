"""Runners of fixture models in float32, each loaded once."""

from __future__ import annotations

from functools import cache

import pytest

import fixtures.models
from conformance.targets.runners.on_reference import ReferenceRunner


@pytest.fixture(scope="session")
def runner_of():
    return cache(lambda name: ReferenceRunner(fixtures.models.path(name), "float32"))
