"""The library under test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.outcomes import SuiteError
from conformance.plugin import worker_state
from conformance.targets.kernels import Checked, KernelTarget


@pytest.fixture(scope="session")
def library(request: pytest.FixtureRequest) -> Iterator[Checked]:
    """What `--kernels` names."""
    state = worker_state(request.config)
    if state is None or not isinstance(state.target, KernelTarget):
        raise SuiteError("There is no kernel library: pass --kernels")
    library = state.target.load()
    yield library
    library.close()
