"""What several tests of coverage look at."""

from __future__ import annotations

import pytest

from conformance import catalogue
from conformance.requirements import Requirement


@pytest.fixture(scope="module")
def all_stated() -> tuple[Requirement, ...]:
    """Every requirement of the suite."""
    return catalogue.requirements()
