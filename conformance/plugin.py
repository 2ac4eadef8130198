"""The pytest plugin: options, the target and its fixtures, and an outcome for each requirement.

`pytest conformance/api --base-url http://…/v1` is all that a CI needs. With xdist the controller
finds or starts the target once and every worker uses it; results travel back with the reports.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from conformance.again import check_earlier
from conformance.api.ask import Ask
from conformance.api.numerics.session import Numerics
from conformance.api.prompts import Prompts, prompts_for
from conformance.certify import Certification
from conformance.compare.tokens import Tokenizer
from conformance.evidence import Result
from conformance.interruption import Interruption
from conformance.judging import judge_call
from conformance.kinds import Kind, is_of_tasks, kind_of
from conformance.known_failures import KnownFailuresError
from conformance.options import Options
from conformance.outcomes import Inconclusive, Judgement, Outcome, SuiteError, counts_against
from conformance.recovery import Recovery
from conformance.requirements import PER_MODEL, PROFILES, Requirement, of_model, requirement_of
from conformance.run import Planned
from conformance.targets.client import Client
from conformance.targets.errors import TargetError
from conformance.targets.server import ServerTarget
from conformance.worker import WorkerState

SUITE_FOLDER = Path(__file__).parent
RESULT_PROPERTY = "maccord_result"
FOOTPRINT_PROPERTY = "footprint"
"""What a requirement records of the memory that a pool took, with pytest's `record_property`."""

_OF_CORE = (
    "audio", "chat", "classify", "completions", "embed", "embeddings", "images", "models",
    "pooling", "rerank", "score", "transport",
)  # fmt: skip
FOLDERS = {
    "core": _OF_CORE,
    "numerics": ("numerics",),
    "numerics-quantized": ("numerics",),
    "serving": (),
    "kernels": (),
}
"""Folders of `api` that hold requirements of a profile; of one that is not named here all."""

_measured_from = pytest.StashKey[float]()
_worker = pytest.StashKey[WorkerState]()
CERTIFICATION = pytest.StashKey[Certification]()
"""A run that has begun already; `maccord certify` begins it before pytest does."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("maccord", "conformance of an OpenAI-compatible server")
    add = group.addoption
    add("--base-url", help="the target: the API's base URL, such as http://127.0.0.1:8000/v1")
    add("--backend", help="the target: a known backend to start (`maccord backends`)")
    add("--backend-python", help="interpreter that has the backend installed already")
    add("--runner", help="the target: transformers, mlx-lm, reference, vllm, or module:object")
    add("--runner-python", help="interpreter that has the runner's engine")
    add("--runner-dtype", help="float32, bfloat16 or float16; by default the engine's own")
    add("--kernels", help="the target: a kernel library by name, as module:object or a TOML file")
    add("--kernels-python", help="interpreter that has the kernel library")
    add("--model", help="the model's name at the target; with --backend, what to serve")
    add("--api-key-env", help="name of the environment variable that holds the API key")
    add("--tokenizer", help="folder with the model's tokenizer.json and chat template")
    add("--max-model-len", type=int, help="the target's context length, if it does not list it")
    add("--profile", choices=PROFILES, help="only the requirements of this profile")
    add("--known-failures", help="TOML file of accepted departures")
    add("--report", help="folder for certificate.json, junit.xml and report.html")
    add("--request-timeout", type=float, default=60.0, help="deadline of one request, seconds")
    add("--resume", action="store_true", help="finish the interrupted run in the report's folder")
    add("--since-failed", action="store_true", help="measure only what fell short in that run")
    add("--run-deadline", type=float, default=3600.0, help="deadline of the whole run, seconds")
    # For tests of the numerics profile: one route to the evidence, and how much is seen on it.
    add("--numerics-route", help=argparse.SUPPRESS)
    add("--numerics-shown", type=int, help=argparse.SUPPRESS)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "requirement(stated): a requirement of the suite")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workerinput"):
        if told := config.workerinput.get("maccord"):
            config.stash[_worker] = WorkerState.from_json(told)
        return
    certification = config.stash.get(CERTIFICATION, None) or _begin(config)
    if certification is None:
        return
    config.stash[CERTIFICATION] = certification
    certification.workers = int(config.getoption("numprocesses", None) or 1)
    config.pluginmanager.register(_Controller(certification))
    config.stash[_worker] = WorkerState(
        certification.target,
        certification.folder,
        certification.options,
        certification.deadline,
        serves=certification.serves,
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give an xdist worker what the controller knows."""
    if (state := node.config.stash.get(_worker, None)) is not None:
        node.workerinput["maccord"] = state.to_json()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A folder of `api` without a requirement of the profile: most profiles are a small part."""
    held = FOLDERS.get(config.getoption("--profile"))
    beside = collection_path.parent == SUITE_FOLDER / "api" and collection_path.is_dir()
    return True if held is not None and beside and collection_path.name not in held else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the profile's requirements; those that want the target for themselves come last."""
    stated = {item: found for item in items if (found := requirement_of(item))}
    by_id: dict[str, pytest.Item] = {}
    for item, found in stated.items():
        if found.id in by_id:
            raise pytest.UsageError(
                f"requirement id {found.id} stands twice: {by_id[found.id].nodeid}, {item.nodeid}"
            )
        by_id[found.id] = item
    profile = config.getoption("--profile")
    state = config.stash.get(_worker, None)
    kind = kind_of(state.target) if state else None
    tasks = state.target.tasks if state and isinstance(state.target, ServerTarget) else None
    only = state.folder.only() if state else None
    unwanted = [
        item
        for item, found in stated.items()
        if (profile and profile not in found.profiles)
        or (kind and not kind.is_on(found.id))
        or (tasks is not None and not is_of_tasks(found.id, tasks))
        or (only is not None and _id_of(item) not in only)
    ]
    if unwanted:
        config.hook.pytest_deselected(items=unwanted)
    kept = [item for item in items if item not in set(unwanted)]
    items[:] = sorted(kept, key=lambda item: item in stated and stated[item].alone)


def pytest_collection_finish(session: pytest.Session) -> None:
    state = session.config.stash.get(_worker, None)
    if state is not None and _is_first_worker(session.config):
        if state.folder.planned():
            return  # a run that is resumed
        found = ((item.nodeid, _stated(item)) for item in session.items)
        state.folder.set_planned([Planned(nodeid, stated) for nodeid, stated in found if stated])
        if part := _part(session.config, kind_of(state.target)):
            state.folder.set_part(part)


# What a requirement asks for -------------------------------------------------------------------


def worker_state(config: pytest.Config) -> WorkerState | None:
    """What this process holds of the run; None without a target."""
    return config.stash.get(_worker, None)


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Client:
    """The raw HTTP client of the target."""
    state = request.config.stash.get(_worker, None)
    if state is None:
        raise SuiteError("There is no target: pass --base-url or --backend")
    state.client.exchanges.clear()
    return state.client


@pytest.fixture
def target(request: pytest.FixtureRequest) -> ServerTarget:
    """What is under test."""
    return request.config.stash[_worker].server


@pytest.fixture
def ask(client: Client, target: ServerTarget) -> Ask:
    """Chat and completion requests to the target."""
    return Ask(client, target.model)


@pytest.fixture(scope="session")
def prompts(request: pytest.FixtureRequest) -> Prompts:
    """What to ask the served model, by what a requirement needs of the answer."""
    return prompts_for(request.config.stash[_worker].server.tokenizer_dir)


@pytest.fixture(scope="session")
def _tokenizer(request: pytest.FixtureRequest) -> Tokenizer | None:
    folder = request.config.stash[_worker].server.tokenizer_dir
    return Tokenizer(Path(folder)) if folder else None


@pytest.fixture
def tokenizer(_tokenizer: Tokenizer | None) -> Tokenizer:
    """The served model's tokenizer; without one the requirement is INCONCLUSIVE."""
    if _tokenizer is None:
        raise Inconclusive(
            "The served model's tokenizer is not known: --tokenizer DIR would decide",
            cause="No tokenizer is known for the served model",
        )
    return _tokenizer


@pytest.fixture(scope="session")
def _numerics(request: pytest.FixtureRequest) -> Generator[Numerics]:
    numerics = Numerics(
        request.config.stash[_worker],
        route=request.config.getoption("--numerics-route"),
        shown=request.config.getoption("--numerics-shown"),
    )
    yield numerics
    numerics.close()


@pytest.fixture
def numerics(client: Client, _numerics: Numerics) -> Numerics:
    """What the run saw of the target's distribution, and production's."""
    return _numerics


def _stated(item: pytest.Item) -> Requirement | None:
    """The requirement that an item measures, of the served model where there is a target."""
    stated, state = requirement_of(item), item.config.stash.get(_worker, None)
    if stated is None or state is None or not stated.id.startswith(PER_MODEL):
        return stated
    return of_model(stated, state.model)


def _id_of(item: pytest.Item) -> str | None:
    stated = _stated(item)
    return stated.id if stated else None


# Outcomes --------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    stated, state = _stated(item), item.config.stash.get(_worker, None)
    if stated is None or state is None:
        return (yield)

    def ready() -> None:
        state.check_ready()
        item.stash[_measured_from] = time.time()  # the wait for the lock is nobody's time

    if not state.serves:
        with state.folder.in_flight(alone=stated.alone):
            ready()
            return (yield)
    recovery = Recovery(
        state.folder,
        state.client,
        state.server.model,
        task=state.server.tasks[0],
        restartable=bool(state.server.command),
        workers=state.options.workers,
    )
    return (
        yield from recovery.guarded(
            stated.id, alone=stated.alone, check_ready=ready, again=item.runtest
        )
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    stated, state = _stated(item), item.config.stash.get(_worker, None)
    judged = stated and call.excinfo and isinstance(call.excinfo.value, Judgement)
    with _plainest_traceback(item.config) if judged else nullcontext():
        report = yield
    if stated is None or state is None:
        return report
    if call.when == "call" or (call.when == "setup" and call.excinfo is not None):
        result = _result(item, stated, state, call)
        report.user_properties.append((RESULT_PROPERTY, json.dumps(result.to_json())))
        _show(report, result, item)
    return report


def _result(
    item: pytest.Item, stated: Requirement, state: WorkerState, call: pytest.CallInfo[None]
) -> Result:
    raised = call.excinfo.value if call.excinfo else None
    # A fixture that judges has sent nothing: what the client holds is of the requirement before.
    client = state.client if isinstance(state.target, ServerTarget) else None
    exchanges = list(client.exchanges) if client and call.when == "call" else []
    duration_s = call.stop - item.stash.get(_measured_from, call.start)
    result, lost = judge_call(stated, raised, exchanges, duration_s, client)
    if lost:
        state.folder.set_lost(lost)
    return state.known_failures.apply(result) if state.known_failures else result


@contextmanager
def _plainest_traceback(config: pytest.Config) -> Iterator[None]:
    """pytest parses a whole module for the traceback of one failure; nobody sees a judgement's."""
    had = config.getoption("tbstyle", "auto")
    config.option.tbstyle = "native"
    try:
        yield
    finally:
        config.option.tbstyle = had


def _show(report: pytest.TestReport, result: Result, item: pytest.Item) -> None:
    """Make pytest's own report say what the result says."""
    if result.outcome is Outcome.PASS:
        return
    text = _plain_text(result)
    if result.outcome is Outcome.ERROR or counts_against(result.outcome, result.level):
        report.outcome = "failed"
        if result.outcome is not Outcome.ERROR or not report.longrepr:
            report.longrepr = text
    else:
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, text)


def _plain_text(result: Result) -> str:
    lines = [f"{result.outcome} {result.id}", result.title, "", result.message]
    if result.expected is not None:
        lines.append(f"expected: {result.expected}")
    if result.actual is not None:
        lines.append(f"actual:   {result.actual}")
    lines += [exchange.curl for exchange in result.exchanges[-1:]]
    return "\n".join(lines)


def result_of(report: pytest.TestReport) -> Result | None:
    """The requirement's result that a report carries, or None."""
    for name, value in report.user_properties:
        if name == RESULT_PROPERTY:
            return Result.from_json(json.loads(str(value)))
    return None


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    if not isinstance(report, pytest.TestReport) or (result := result_of(report)) is None:
        return None
    letters = {Outcome.PASS: ".", Outcome.FAIL: "F", Outcome.SILENT: "S", Outcome.ERROR: "E"}
    category = "passed" if result.outcome is Outcome.PASS else result.outcome.value.lower()
    if report.failed:
        category = "failed" if result.outcome is not Outcome.ERROR else "error"
    return category, letters.get(result.outcome, result.outcome.value[0].lower()), result.outcome


class _Controller:
    """Collects results in the process that owns the target, and ends the run."""

    def __init__(self, certification: Certification) -> None:
        self.certification = certification
        self._interruption = Interruption()
        self._interruption.watch()

    def pytest_runtest_logfinish(self) -> None:
        self._interruption.check()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (result := result_of(report)) is not None:
            self.certification.folder.record(result)
            for name, value in report.user_properties:
                if name == FOOTPRINT_PROPERTY:
                    self.certification.folder.record_footprint(value)  # type: ignore[arg-type]

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        self.certification.worker_crashed(crashitem)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        ended = [pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED]
        if self.certification.folder.only() == frozenset():
            ended.append(pytest.ExitCode.NO_TESTS_COLLECTED)  # all was measured before
        interrupted = exitstatus not in ended
        session.exitstatus = self.certification.finish(interrupted=interrupted)
        self._interruption.ignore()


def pytest_unconfigure(config: pytest.Config) -> None:
    if (state := config.stash.get(_worker, None)) is not None:
        state.close()
    if (certification := config.stash.get(CERTIFICATION, None)) is not None:
        certification.close()


def _begin(config: pytest.Config) -> Certification | None:
    """Begin a run, where plain pytest is asked for one."""
    options = Options.from_pytest(config)
    wanted = options.names_target or _collects_the_suite(config)
    if not wanted or config.option.collectonly:
        return None
    try:
        check_earlier(options)
        return Certification.begin(options)
    except (TargetError, KnownFailuresError) as error:
        pytest.exit(str(error), returncode=2)


def _collects_the_suite(config: pytest.Config) -> bool:
    folders = (Path(config.invocation_params.dir) / arg.split("::")[0] for arg in config.args)
    return any(SUITE_FOLDER in (folder.resolve(), *folder.resolve().parents) for folder in folders)


def _part(config: pytest.Config, kind: Kind) -> str | None:
    """What a person chose of the profile, in words; None where it is the whole.

    Without a profile a folder of the suite counts as a whole of its own.
    """
    option = config.option
    if option.keyword or option.markexpr or option.deselect:
        return "what -k, -m or --deselect left"
    folders = [(Path(config.invocation_params.dir) / arg).resolve() for arg in config.args]
    parts = {part: SUITE_FOLDER / part for part in kind.parts}
    held = {name for name, part in parts.items() if {part, *part.parents}.intersection(folders)}
    beside = [f for f in folders if any(part in f.parents for part in parts.values())]
    whole = held == set(parts) if option.profile else held and not beside
    return None if whole else "what was named"


def _is_first_worker(config: pytest.Config) -> bool:
    """Also true of the only process, without xdist."""
    told = getattr(config, "workerinput", {"workerid": "gw0"})
    return bool(told["workerid"] == "gw0")
