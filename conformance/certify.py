"""One certification: from options to a target, and from results to a certificate.

Used by the pytest plugin, and through it by the `maccord` command.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from rich.console import Console

import fixtures.models
from conformance import again, catalogue
from conformance.compare import production
from conformance.kinds import Target
from conformance.known_failures import KnownFailures
from conformance.options import Options
from conformance.outcomes import judge
from conformance.recovery import Keeper
from conformance.report import certificate as report
from conformance.report import write_report
from conformance.report.facts import machine_facts, suite_facts
from conformance.run import RunFolder
from conformance.targets import kernels, recipes
from conformance.targets.client import Client
from conformance.targets.errors import NotServed, TargetError
from conformance.targets.progress import Display, Progress, labelled, quiet
from conformance.targets.recipes import Recipe
from conformance.targets.runners.target import RunnerTarget, find
from conformance.targets.server import ServerTarget, claims, running, short_name, started
from conformance.targets.tasks import offered
from conformance.targets.warm_up import warm_up
from fixtures.models.tasks.words import TEXT

DEFAULT_BACKEND = "reference"
DEFAULT_MODEL = "SmolLM2-135M-Instruct"
ALL_PROFILES = "all"
KERNEL_PROFILE = "kernels"
NUMERICS = ("numerics", "numerics-quantized")
"""Profiles on what a server says of text, whatever else it does."""
LOG_TAIL_LINES = 40


@dataclass
class Certification:
    """A run in the process that owns the target.

    `begin` finds or starts the target; `finish` judges and writes the
    report, `close` ends a server that was started. `serves` says whether a server answered the
    first chat request.
    """

    options: Options
    known_failures: KnownFailures | None
    folder: RunFolder
    target: Target
    serves: bool
    began: float
    ready: float
    stack: ExitStack
    notes: list[str] = field(default_factory=list)
    workers: int = 1
    interrupted: bool = False
    certificate: report.Certificate | None = None
    files: list[Path] = field(default_factory=list)

    @classmethod
    def begin(
        cls,
        options: Options,
        console: Console | None = None,
        *,
        folder: Path | None = None,
        label: str = "",
    ) -> Self:
        """Find or start the target and see that it answers.

        Args:
            folder: where the run's own files go; by default beside the report.
            label: stands before what is shown while the target is started.

        Raises:
            NotServed: the backend cannot be had to serve this model.
            TargetError: there is no target to measure; its first sentence says why.
            KnownFailuresError: the known-failures file cannot be used.
        """
        began = time.time()
        known = KnownFailures.read(options.known_failures) if options.known_failures else None
        if known:
            known.check_ids(catalogue.known_ids())
        if options.profile == KERNEL_PROFILE and not options.kernels:
            raise TargetError("Profile kernels is on a kernel library: name one with --kernels.")
        options.api_key()
        with ExitStack() as stack:
            run = RunFolder(folder or (options.report or temporary_folder(stack)) / "run")
            if options.takes_up:
                run.settle()
            else:
                run.reset()
            if options.runner or options.kernels:
                found = _kernels(options, run) if options.kernels else _runner(options, run)
                return cls._of(options, known, run, found, False, began, stack)
            with Display(console or Console(stderr=True)) as display:
                target = _target(options, run, stack, labelled(display, label))
            if options.max_model_len:
                target = replace(target, max_model_len=options.max_model_len)
            task = fixtures.models.task_of(short_name(target.model))
            serves = warm_up(
                target.base_url,
                target.model,
                api_key=options.api_key(),
                timeout_s=2 * options.request_timeout_s,
                task=task or TEXT,
            )
            target = replace(target, tasks=(task,) if task else _tasks(target, options, serves))
            return cls._of(options, known, run, target, serves, began, stack)

    @classmethod
    def _of(
        cls,
        options: Options,
        known: KnownFailures | None,
        run: RunFolder,
        target: Target,
        serves: bool,
        began: float,
        stack: ExitStack,
    ) -> Self:
        """A run on a target that is there, taking up an earlier one if that is asked for."""
        profile = options.profile or ALL_PROFILES
        subject = again.subject(
            _described(target, options), profile, known.sha256 if known else None
        )
        notes = again.take_up(options, run, subject) if options.takes_up else []
        run.set_about(iso(began), subject)
        stack = stack.pop_all()
        return cls(options, known, run, target, serves, began, time.time(), stack, notes)

    @property
    def server(self) -> ServerTarget:
        """The target, where it is a server."""
        assert isinstance(self.target, ServerTarget)
        return self.target

    @property
    def deadline(self) -> float:
        """When the run must be over, seconds since the epoch."""
        return self.ready + self.options.run_deadline_s

    def worker_crashed(self, nodeid: str) -> None:
        """Record ERROR for the requirement that a worker process died on."""
        for planned in self.folder.planned():
            if planned.nodeid == nodeid:
                self.folder.record(planned.unmeasured("A worker of the suite crashed on it"))

    def finish(self, *, interrupted: bool) -> int:
        """Judge, write the report where one was asked for, and return pytest's exit code.

        It is the verdict's, and 0 where all that was chosen of a profile holds.
        A planned requirement without a result is an ERROR: it never leaves the denominator.
        """
        finished, self.interrupted = time.time(), interrupted
        measured = {result.id: result for result in self.folder.results()}
        planned = self.folder.planned()
        results = [
            measured.get(p.id) or p.unmeasured("Not measured: the run ended before its turn")
            for p in planned
        ]
        complete = not interrupted and len(planned) == sum(p.id in measured for p in planned)
        lost = self.folder.lost()
        reason = f"{lost}." if lost else None if complete else "the run was interrupted."
        part = "what fell short before" if self.options.since_failed else self.folder.part()
        complete = complete and not part
        outcomes = [(result.level, result.outcome) for result in results]
        verdict = judge(outcomes, expected_total=len(results), void=reason)
        holds = bool(part and verdict.certified)
        if part and holds:
            reason = again.no_certificate(results, part)
            verdict = judge(outcomes, expected_total=len(results), void=reason)
        void = verdict.exit_code == 2
        self.certificate = report.Certificate(
            verdict=verdict,
            complete=complete,
            profile=self.options.profile or ALL_PROFILES,
            target=_described(self.target, self.options),
            control=None,
            suite=suite_facts(),
            machine=machine_facts(),
            started=iso(self.began),
            finished=iso(finished),
            duration_s=round(finished - self.began, 1),
            phases={
                "start": round(self.ready - self.began, 1),
                "requests": round(finished - self.ready, 1),
            },
            workers=self.workers,
            expected_total=len(results),
            results=results,
            known_failures=_stated(self.known_failures) if self.known_failures else None,
            numerics=self.folder.parities(),
            footprints=self.folder.footprints(),
            notes=[*self.notes, *_restart_note(len(self.folder.restarts()))],
            log_tail=_log_tail(self.target) if void else None,
        )
        if self.options.report:
            self.files = write_report(self.certificate, self.options.report)
        return 0 if holds else verdict.exit_code

    def close(self) -> None:
        """End a server that was started for this run."""
        self.stack.close()


def void_certificate(options: Options, reason: str) -> report.Certificate:
    """The certificate of a run that never had a target: no result, and the reason."""
    now = iso(time.time())
    named = (options.base_url, options.backend, options.runner, options.kernels)
    where = next(filter(None, named), DEFAULT_BACKEND)
    return report.Certificate(
        verdict=judge([], expected_total=0, void=reason.splitlines()[0]),
        complete=False,
        profile=options.profile or ALL_PROFILES,
        target=report.Target(where, options.base_url or "", options.model or ""),
        control=None,
        suite=suite_facts(),
        machine=machine_facts(),
        started=now,
        finished=now,
        duration_s=0.0,
        phases={},
        workers=1,
        expected_total=0,
        results=[],
        log_tail="\n".join(reason.splitlines()[1:]) or None,
    )


def _restart_note(times: int) -> list[str]:
    if not times:
        return []
    often = "once" if times == 1 else f"{times} times"
    return [
        f"The backend was started again {often} during the run: it had stopped answering valid "
        "requests. Requirements that it was lost on, measured once more alone, say which request "
        "does that."
    ]


def _stated(known: KnownFailures) -> report.KnownFailures:
    return report.KnownFailures(known.path.name, known.sha256, len(known.entries))


def _target(
    options: Options, folder: RunFolder, stack: ExitStack, progress: Progress
) -> ServerTarget:
    if options.base_url:
        return _running(options.base_url, options)
    recipe = recipes.load(options.backend or DEFAULT_BACKEND)
    if recipe.start is None:
        found = _running(f"{recipe.url}{recipe.base_path}", options)
        return replace(found, name=recipe.name, backend=recipe.name, claims=claims(recipe))
    model_name, weights = weights_of(options.model or DEFAULT_MODEL, recipe, progress)
    server = stack.enter_context(
        started(
            recipe,
            model_dir=weights,
            model_name=model_name,
            run_dir=folder.path,
            python=options.backend_python,
            profile=options.profile,
            progress=progress,
        )
    )
    stack.enter_context(Keeper(folder, server.restart))
    if server.target.tokenizer_dir is None:  # a GGUF has its tokenizer inside
        known = options.tokenizer or _known_tokenizer(model_name)
        return replace(server.target, tokenizer_dir=str(known) if known else None)
    return server.target


def _tasks(target: ServerTarget, options: Options, serves: bool) -> tuple[str, ...]:
    """What a server does with a model that is nobody's fixture: text, unless it does other things
    only."""
    if options.profile in NUMERICS:
        return (TEXT,)
    with Client(target.base_url, api_key=options.api_key()) as client:
        others = offered(client, target.model)
    return (TEXT, *others) if serves or not others else others


def _runner(options: Options, folder: RunFolder) -> RunnerTarget:
    """The runner that was asked for; models are loaded when their turn comes."""
    assert options.runner is not None
    if options.model is not None and options.model not in production.names():
        raise TargetError(
            f"Production with {options.model!r} is not on file; it is with "
            f"{', '.join(production.names())}."
        )
    log = folder.path / "runner.log"
    return find(options.runner, options.runner_python, options.runner_dtype, log, options.model)


def _kernels(options: Options, folder: RunFolder) -> kernels.KernelTarget:
    """The kernel library that was asked for."""
    assert options.kernels is not None
    python = options.kernels_python
    return kernels.find(options.kernels, python, python and folder.path / "kernels.log")


def weights_of(model: str, recipe: Recipe, progress: Progress) -> tuple[str, Path]:
    """Name and weights of a model to start a backend with: a fixture model, or a checkpoint."""
    check_model(model)
    if fixtures.models.task_of(model):
        return model, _fixture(model, progress, recipe.model_format)
    path = Path(model).absolute()
    return path.name, path


def check_model(model: str) -> None:
    """Raise TargetError where there is no such model to start a backend with."""
    if not fixtures.models.task_of(model) and not Path(model).exists():
        known = ", ".join(
            [*fixtures.models.names(), *(each.name for each in fixtures.models.tasks())]
        )
        raise TargetError(
            f"There is no model {model!r} to start a backend with: give the folder of a "
            f"checkpoint, or the name of a fixture model ({known})."
        )


def _fixture(name: str, progress: Progress, model_format: str = "safetensors") -> Path:
    try:
        built = fixtures.models.path(name, progress=progress)
    except fixtures.models.FixtureError as error:
        raise TargetError(str(error)) from None
    if model_format != "gguf":
        return built
    try:
        return fixtures.models.export_gguf(name, progress=progress)
    except fixtures.models.FixtureError as error:
        raise NotServed(str(error), refused=False) from None


def _running(base_url: str, options: Options) -> ServerTarget:
    found = running(base_url, api_key=options.api_key(), model=options.model)
    known = options.tokenizer or _known_tokenizer(found.model)
    return replace(found, tokenizer_dir=str(known) if known else None)


def _known_tokenizer(model: str) -> Path | None:
    """The tokenizer of a fixture model that the server's model is named after."""
    name = short_name(model)
    return _fixture(name, quiet) if fixtures.models.task_of(name) else None


def _described(target: Target, options: Options) -> report.Target:
    if isinstance(target, kernels.KernelTarget):
        return report.Target(
            target.name, "", "", backend=target.kernels, claims=dict(target.claims)
        )
    if isinstance(target, RunnerTarget):
        models = options.model or f"{len(production.names())} fixture models"
        return report.Target(
            target.name, "", models, backend=target.runner, backend_version=target.version
        )
    return report.Target(
        name=target.name,
        base_url=target.base_url,
        model=target.model,
        backend=target.backend,
        backend_version=target.backend_version,
        tokenizer=target.tokenizer_dir and Path(target.tokenizer_dir).name,
        weights_sha256=target.weights_sha256,
        command=list(target.command),
        claims=dict(target.claims),
        server_header=target.server_header,
    )


def _log_tail(target: Target) -> str | None:
    if target.log_path is None or not Path(target.log_path).is_file():
        return None
    text = Path(target.log_path).read_text(errors="backslashreplace")
    return "\n".join(text.splitlines()[-LOG_TAIL_LINES:]) or None


def temporary_folder(stack: ExitStack) -> Path:
    """A folder for a run without a report; gone when the stack is closed."""
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="maccord-")))


def iso(seconds: float) -> str:
    """Seconds since the epoch as a certificate writes a time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
