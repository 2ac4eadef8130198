"""The requirements of the profile `numerics` on a server, one after the other in this process.

Not as a run of pytest: a run takes its evidence from the strongest route that there is, along all
of production's prompts; here both are chosen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

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

MODULES: tuple[ModuleType, ...] = (
    test_evidence,
    test_distribution,
    test_greedy,
    test_prompts,
    test_batching,
    test_prefix_cache,
)

Stated = tuple[Requirement, Callable[..., None]]


@cache
def functions() -> Mapping[str, Stated]:
    """The profile's requirements and their functions, by id."""
    found: dict[str, Stated] = {}
    for module in MODULES:
        for name, function in vars(module).items():
            if name.startswith("test_"):
                stated: Requirement = function.pytestmark[0].args[0]
                found[stated.id] = (stated, function)
    return found


def results(
    url: str,
    tokenizer: Path,
    folder: Path,
    beside: Production,
    *,
    model: str | None = None,
    route: str | None = None,
    shown: int = 20,
    first: Sequence[str] = (),
) -> Generator[Result]:
    """What each requirement comes to.

    Args:
        folder: for the files of the run.
        beside: what the server is compared with.
        model: what the server calls its model; by default as production does.
        route, shown: as for `gather`.
        first: what the ids begin with of requirements that come first.
    """
    run = RunFolder(folder / "run")
    run.reset()
    name = model or beside.model
    target = ServerTarget("mutant", url, name, tokenizer_dir=str(tokenizer))
    state = WorkerState(
        target, run, Options(base_url=url, request_timeout_s=60.0), time.time() + 600, serves=True
    )
    numerics = Numerics(state, route=route, shown=shown, production=beside)
    in_order = sorted(
        functions().values(), key=lambda each: not each[0].id.startswith(tuple(first))
    )
    with closing(state), closing(numerics):
        given = {"numerics": numerics, "ask": Ask(state.client, name)}
        for stated, function in in_order:
            yield _judged(stated, function, given, state)


def _judged(
    stated: Requirement, function: Callable[..., None], given: dict[str, Any], state: WorkerState
) -> Result:
    state.client.exchanges.clear()
    code = function.__code__
    wants = code.co_varnames[: code.co_argcount]
    raised: BaseException | None = None
    try:
        function(**{name: given[name] for name in wants})
    except Exception as error:
        raised = error
    result, _ = judge_call(stated, raised, state.client.exchanges, 0.0, state.client)
    return result
