"""Runs the requirements of the profile on a server of the small production."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from types import ModuleType

from conformance.api.ask import Ask
from conformance.api.numerics import test_distribution, test_evidence, test_greedy, test_prompts
from conformance.api.numerics.session import Numerics
from conformance.compare.production import Production
from conformance.evidence import Result
from conformance.judging import judge_call
from conformance.options import Options
from conformance.requirements import Requirement
from conformance.run import RunFolder
from conformance.serving import test_batching, test_prefix_cache
from conformance.targets.server import ServerTarget
from conformance.worker import WorkerState
from tests.numerics.small import production

MODULES = (
    test_evidence,
    test_distribution,
    test_greedy,
    test_prompts,
    test_batching,
    test_prefix_cache,
)


def functions() -> dict[str, tuple[Requirement, object]]:
    """The profile's requirements and their functions, by id."""
    found = {}
    for module in MODULES:
        for function in _tests(module):
            stated = function.pytestmark[0].args[0]  # type: ignore[attr-defined]
            found[stated.id] = (stated, function)
    return found


def results(
    url: str,
    tokenizer: Path,
    folder: Path,
    *,
    route: str | None = None,
    shown: int = 20,
    beside: Production | None = None,
    model: str = "prod",
) -> dict[str, Result]:
    """What each requirement comes to, by its id without the profile.

    Args:
        beside: what it is compared with; the small production if None.
        model: what the server calls its model.
    """
    run = RunFolder(folder / "run")
    run.reset()
    target = ServerTarget("small", url, model, tokenizer_dir=str(tokenizer))
    options = Options(base_url=url, request_timeout_s=60.0)
    state = WorkerState(target, run, options, time.time() + 600, serves=True)
    found = {}
    numerics = Numerics(state, route=route, shown=shown, production=beside or production())
    with closing(state), closing(numerics):
        for id, (stated, function) in functions().items():
            state.client.exchanges.clear()
            raised: BaseException | None = None
            wants = function.__code__.co_varnames[: function.__code__.co_argcount]  # type: ignore[attr-defined]
            given = {"numerics": numerics, "ask": Ask(state.client, model)}
            try:
                function(**{name: given[name] for name in wants})  # type: ignore[operator]
            except Exception as error:
                raised = error
            result, _ = judge_call(stated, raised, state.client.exchanges, 0.0, state.client)
            found[id.removeprefix("numerics/")] = result
    return found


def _tests(module: ModuleType) -> list[object]:
    return [value for name, value in vars(module).items() if name.startswith("test_")]
