"""A backend certified with several models: started with one after the other, one certificate.

A server serves one model. What it does not load is not the suite's ERROR: `numerics/model/served`
says so, and the model's other requirements are not planned.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from rich.console import Console

from conformance import catalogue
from conformance.api.numerics.test_model import test_served
from conformance.certify import (
    DEFAULT_BACKEND,
    Certification,
    check_model,
    iso,
    temporary_folder,
    void_certificate,
)
from conformance.compare import production
from conformance.evidence import clip
from conformance.judging import result
from conformance.known_failures import KnownFailures
from conformance.options import Options
from conformance.outcomes import Inconclusive, Judgement, SuiteError, Unsupported
from conformance.report.certificate import Certificate
from conformance.report.merge import Part, Whole, merge
from conformance.requirements import PER_MODEL, Requirement, of_model, stated_by
from conformance.session import measure
from conformance.targets import recipes
from conformance.targets.errors import NotServed, TargetError
from conformance.targets.logs import tail
from conformance.targets.server import short_name
from conformance.targets.warm_up import refusal

BASIC = ("SmolLM2-135M-Instruct", "scripted")
"""A backend that serves neither of these is not certified, whatever else it serves."""

PROFILE = "numerics"
INTERRUPTED = "the run was interrupted"
LOG_LINES = 15
SERVED = stated_by(test_served)


def wanted(options: Options) -> bool:
    """Whether a run is over several models: the backend is started here, for the numerics."""
    return options.profile == PROFILE and _starts(options)


def _starts(options: Options) -> bool:
    if options.base_url or options.runner or options.kernels:
        return False
    return recipes.load(options.backend or DEFAULT_BACKEND).start is not None


def order(models: Sequence[str]) -> list[str]:
    """The models, the basic ones first: without them there is no certificate.

    Raises:
        TargetError: there is no such model, or two have one name.
    """
    for model in models:
        check_model(model)
    called = [short_name(model) for model in models]
    if again := [name for name in called if called.count(name) > 1]:
        raise TargetError(f"The model {again[0]} is given twice.")
    return sorted(models, key=lambda name: name not in BASIC)


def certify_each(options: Options, models: Sequence[str], console: Console) -> Certificate:
    """Certify a backend with each of several models.

    Raises:
        TargetError: there is no target, whatever the model; the first sentence says why.
        KnownFailuresError: the known-failures file cannot be used.
    """
    began = time.time()
    with ExitStack() as stack:
        folder = (options.report or temporary_folder(stack)) / "run"
        series = _Series(options, order(models), folder, console)
        series.run()
    known = {*production.names(), *(part.model for part in series.parts)}
    blank = void_certificate(options, "not judged yet")
    return merge(
        Whole(series.parts, BASIC, len(known), series.ended),
        replace(
            blank,
            started=iso(began),
            finished=iso(time.time()),
            duration_s=round(time.time() - began, 1),
            workers=options.workers,
        ),
    )


@dataclass
class _Series:
    """One session of the suite a model; `parts` grows by one with each.

    `ended` says why the run ended before its end, `spent_s` how much of its deadline is used up.
    """

    options: Options
    models: list[str]
    folder: Path
    console: Console
    parts: list[Part] = field(default_factory=list)
    ended: str | None = None
    spent_s: float = 0.0

    def run(self) -> None:
        """Measure each model, until all are or the run has to end."""
        for number, model in enumerate(self.models, 1):
            if self.options.run_deadline_s - self.spent_s < 1:
                self.ended = f"the run's deadline of {self.options.run_deadline_s:g} s passed"
            if self.ended:
                break
            try:
                self._take(model, f"{short_name(model)} ({number} of {len(self.models)}): ")
            except KeyboardInterrupt:
                self.ended = INTERRUPTED
        for model in self.models[len(self.parts) :]:
            self.parts.append(_unmeasured(model, self.options, f"Not measured: {self.ended}"))

    def _take(self, model: str, label: str) -> None:
        try:
            part = self._measured(model, label)
        except NotServed as error:
            part = self._refused(model, error)
        except TargetError as error:
            if not any(part.certificate for part in self.parts):
                raise
            part = _unmeasured(model, self.options, str(error))
        self.parts.append(part)

    def _measured(self, model: str, label: str) -> Part:
        """Raises TargetError, and NotServed where it is for the model."""
        options = replace(
            self.options,
            model=model,
            report=None,
            run_deadline_s=self.options.run_deadline_s - self.spent_s,
        )
        folder = self.folder / short_name(model)
        run = Certification.begin(options, self.console, folder=folder, label=label)
        with ExitStack() as stack:
            stack.callback(run.close)
            self._check_served(run)
            said = f"{label}certifying {run.server.name} at {run.server.base_url}"
            self.console.print(said, markup=False, highlight=False, soft_wrap=True)
            # What the requirements look at is seen once, with several requests in flight, for all
            # of them: more processes would only take their time to start, with every model anew.
            certificate = measure(run, self.console, label, processes=1)
        self.spent_s += time.time() - run.ready
        if run.interrupted:
            self.ended = INTERRUPTED
        return Part(short_name(model), certificate.results, certificate)

    def _check_served(self, run: Certification) -> None:
        """Raise NotServed where a server has started and cannot answer with the model."""
        if run.serves:
            return
        answer = refusal(
            run.server.base_url,
            run.server.model,
            api_key=self.options.api_key(),
            timeout_s=2 * self.options.request_timeout_s,
        )
        if answer is not None:
            log = tail(Path(run.server.log_path), LOG_LINES) if run.server.log_path else []
            raise NotServed(
                f"{run.server.name} starts, and answers {answer.status or 'nothing'} to a request "
                f"for one token: {clip(answer.response, 200)[0]}",
                log="\n".join(log),
            )

    def _refused(self, model: str, error: NotServed) -> Part:
        name = short_name(model)
        judgement: type[Judgement] = Unsupported if error.refused else Inconclusive
        found = result(
            of_model(SERVED, name),
            judgement(
                error.said,
                expected="one token, in a chat or in a completion",
                actual=error.log or error.said,
                cause="The backend does not serve the model"
                if error.refused
                else "Whether the backend serves the model is not known",
            ),
        )
        if self.options.known_failures:
            found = KnownFailures.read(self.options.known_failures).apply(found)
        return Part(name, [found], refused=True, reason=error.said, log_tail=error.log or None)


def _unmeasured(model: str, options: Options, reason: str) -> Part:
    """A model whose turn never came: an ERROR for each requirement that is of one model."""
    name = short_name(model)
    judgement = SuiteError(reason, cause="Models that were not measured")
    return Part(
        name,
        [result(of_model(stated, name), judgement) for stated in _per_model(options.profile)],
        reason=f"{reason}.",
    )


@cache
def _per_model(profile: str | None) -> list[Requirement]:
    """The requirements of a profile that hold of a server with one model."""
    return [
        stated
        for stated in catalogue.requirements()
        if stated.id.startswith(PER_MODEL) and (profile is None or profile in stated.profiles)
    ]
