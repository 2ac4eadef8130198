"""The library under test."""

from __future__ import annotations

import pytest

from conformance.outcomes import SuiteError
from conformance.plugin import worker_state
from conformance.targets.kernels import Checked, KernelTarget, load


@pytest.fixture(scope="session")
def library(request: pytest.FixtureRequest) -> Checked:
    """What `--kernels` names."""
    state = worker_state(request.config)
    if state is None or not isinstance(state.target, KernelTarget):
        raise SuiteError("There is no kernel library: pass --kernels")
    return load(state.target.kernels)
