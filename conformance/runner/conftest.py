"""The models that a runner is measured with, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.compare import production
from conformance.outcomes import SuiteError
from conformance.plugin import worker_state
from conformance.runner.measured import Measured
from conformance.targets.runners.target import RunnerTarget
from fixtures.snapshots.configurations import ANCHOR

FIXTURE = "measured"
MODELS = sorted(production.names(), key=str.lower)


@pytest.fixture(scope="session", params=MODELS)
def measured(request: pytest.FixtureRequest) -> Iterator[Measured]:
    """A fixture model in the runner under test.

    Of session scope with a parameter, so that pytest runs all requirements of a model together and
    frees it before the next is loaded.
    """
    state = worker_state(request.config)
    if state is None or not isinstance(state.target, RunnerTarget):
        raise SuiteError("There is no runner: pass --runner")
    found = Measured(request.param, state.target, state.folder)
    yield found
    found.close()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "float32: of runners that compute in float32")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the models that were asked for, and what is on the runner's dtype.

    With xdist's `--dist loadgroup` a model stays with one worker.
    """
    state = worker_state(config)
    unwanted = []
    for item in items:
        model = _model(item)
        if model is None:
            continue
        item.add_marker(pytest.mark.xdist_group(model))
        if state is not None and isinstance(state.target, RunnerTarget):
            other_model = state.options.model not in (None, model)
            exact = item.get_closest_marker("float32") is not None
            if other_model or (exact and state.target.dtype != ANCHOR.dtype):
                unwanted.append(item)
    if unwanted:
        config.hook.pytest_deselected(items=unwanted)
        left_out = set(unwanted)
        items[:] = [item for item in items if item not in left_out]


def _model(item: pytest.Item) -> str | None:
    case = getattr(item, "callspec", None)
    found = case.params.get(FIXTURE) if case else None
    return found if isinstance(found, str) else None
