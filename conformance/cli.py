"""The `maccord` command: a thin, friendly way to the same tests that plain pytest runs."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import fixtures.models
from conformance import catalogue, each_model
from conformance import serve as serving
from conformance.again import check_earlier
from conformance.certify import DEFAULT_MODEL, KERNEL_PROFILE, Certification, void_certificate
from conformance.compare.production import names
from conformance.control import Control
from conformance.coverage import page, requirements_page
from conformance.coverage.table import table
from conformance.known_failures import KnownFailuresError
from conformance.options import Options
from conformance.recording.command import record
from conformance.report import write_report
from conformance.report.certificate import Certificate, CertificateError
from conformance.report.terminal import summary
from conformance.requirements import PROFILES
from conformance.selftest import command as detection
from conformance.selftest import page as detection_page
from conformance.selftest.depths import NAMES as DEPTHS
from conformance.selftest.depths import Hunting
from conformance.selftest.hunt import Until
from conformance.session import measure
from conformance.targets import recipes
from conformance.targets.errors import TargetError
from conformance.targets.kernels import ADAPTERS, KernelTarget
from conformance.targets.progress import Display
from conformance.targets.server import ServerTarget

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
models = typer.Typer(no_args_is_help=True, help="The models that targets are fed with.")
app.add_typer(models, name="model")
app.command()(record)

_out = Console()
_err = Console(stderr=True)

RUNNER_PROFILE = "numerics"
"""The one that has requirements on a runner."""

UNJUDGED = 2
"""Exit code of a run that could not be judged."""


@app.callback()
def _app() -> None:
    """Certify that a Mac LLM backend behaves as production does: vLLM on CUDA."""


@app.command()
def certify(
    base_url: Annotated[str | None, typer.Option(help="A server that is already running.")] = None,
    backend: Annotated[
        str | None, typer.Option(help="A known backend to start, or a recipe file of your own.")
    ] = None,
    backend_python: Annotated[
        Path | None, typer.Option(help="Interpreter that has the backend installed already.")
    ] = None,
    runner: Annotated[
        str | None,
        typer.Option(
            help="A runner of token ids: transformers, mlx-lm, reference, vllm, or module:object."
        ),
    ] = None,
    runner_python: Annotated[
        Path | None, typer.Option(help="Interpreter that has the runner's engine.")
    ] = None,
    runner_dtype: Annotated[
        str | None, typer.Option(help="float32, bfloat16 or float16, for a runner.")
    ] = None,
    kernels: Annotated[
        str | None,
        typer.Option(
            help=f"A kernel library: {', '.join(ADAPTERS)}, or your own as module:object or a TOML "
            "file that tells of .metal files."
        ),
    ] = None,
    kernels_python: Annotated[
        Path | None, typer.Option(help="Interpreter that has the kernel library.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="The model's name at the target; with --backend, what to serve. With profile "
            "numerics it may be given several times, and is by default every model of which "
            "production is on file.",
            show_default=False,
        ),
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds the API key.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Folder with the model's tokenizer.json and template.")
    ] = None,
    max_model_len: Annotated[
        int | None, typer.Option(min=1, help="Context length, if the target does not list it.")
    ] = None,
    profile: Annotated[str, typer.Option(help=f"One of: {', '.join(PROFILES)}.")] = "core",
    control: Annotated[
        str | None,
        typer.Option(
            help="Production: a recorded certificate, or a server's URL.",
            show_default="vLLM on an H100, as shipped for the profile",
        ),
    ] = None,
    control_model: Annotated[
        str | None, typer.Option(help="The model's name at a live control.")
    ] = None,
    control_api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable with a live control's API key.")
    ] = None,
    known_failures: Annotated[
        Path | None, typer.Option(help="TOML file of accepted departures.")
    ] = None,
    report_folder: Annotated[Path, typer.Option("--report", help="Folder for the report.")] = Path(
        "report"
    ),
    resume: Annotated[
        bool, typer.Option("--resume", help="Finish the interrupted run in the report's folder.")
    ] = False,
    since_failed: Annotated[
        bool,
        typer.Option(
            "--since-failed",
            help="Measure only what fell short in the run in the report's folder; certifies "
            "nothing.",
        ),
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", "-n", min=1, max=64, help="Requests in flight at once.")
    ] = 4,
    request_timeout: Annotated[
        float, typer.Option(min=0.1, help="Deadline of one request, seconds.")
    ] = 60.0,
    run_deadline: Annotated[
        float, typer.Option(min=1, help="Deadline of all requests together, seconds.")
    ] = 3600.0,
) -> None:
    """Certify a server, a runner or kernels, and write certificate.json, junit.xml and report.html.

    Without --base-url, --backend, --runner and --kernels the embedded default is certified:
    the reference, vLLM's engine over MLX.
    A runner is held to the profile numerics, on the recorded logits of production; a kernel library
    to the profile kernels, on the definition of each operation.

    Exit code: 0 certified, 1 not certified, 2 could not be judged.
    """
    models = model or []
    options = Options(
        base_url=base_url,
        backend=backend,
        backend_python=backend_python and backend_python.absolute(),
        runner=runner,
        runner_python=runner_python and runner_python.absolute(),
        runner_dtype=runner_dtype,
        kernels=kernels,
        kernels_python=kernels_python and kernels_python.absolute(),
        model=models[0] if len(models) == 1 else None,
        api_key_env=api_key_env,
        tokenizer=tokenizer and tokenizer.absolute(),
        max_model_len=max_model_len,
        profile=RUNNER_PROFILE if runner else KERNEL_PROFILE if kernels else profile,
        known_failures=known_failures and known_failures.absolute(),
        report=report_folder.absolute(),
        resume=resume,
        since_failed=since_failed,
        request_timeout_s=request_timeout,
        run_deadline_s=run_deadline,
        workers=workers,
    )
    # A stop asked for by another process is to end as tidily as one from the keyboard.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _usable(report_folder)
        _check_usage(options, models)
        production = Control.of(
            control,
            profile=options.profile,
            model=control_model,
            api_key_env=control_api_key_env,
        )
        if each_model.wanted(options):
            finished = each_model.certify_each(options, models or names(), _err)
        else:
            finished = _certify(options)
    except (TargetError, KnownFailuresError, CertificateError) as error:
        _give_up(options, str(error))
    except KeyboardInterrupt:
        _give_up(options, "The run was interrupted before it had a target.")
    if not (runner or kernels):  # theirs is on file: logits, and definitions
        if production.recorded is None:
            _say(f"Measuring the control at {production.source}")
        finished = production.beside(finished, options)
    files = write_report(finished, report_folder)
    summary(finished, _out, files)
    raise typer.Exit(finished.verdict.exit_code)


@app.command(context_settings={"allow_extra_args": True})
def serve(
    context: typer.Context,
    model: Annotated[
        str, typer.Option(help="A fixture model, or the folder of a checkpoint.")
    ] = DEFAULT_MODEL,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where it listens.")] = 8000,
    python: Annotated[
        Path | None, typer.Option(help="Interpreter that has vLLM and mlx-lm already.")
    ] = None,
    attention: Annotated[
        serving.Attention | None,
        typer.Option(
            help="What computes attention: MLX's operations, our Metal kernels, or the same in the "
            "emulator.",
            show_default="metal where there is Metal",
        ),
    ] = None,
) -> None:
    """Serve a model with the reference backend until Ctrl+C.

    What follows `--` is added to vLLM's command line: `maccord serve -- --max-num-seqs 8`.
    """
    try:
        serving.serve(model, port, python and python.absolute(), attention, context.args, _err)
    except TargetError as error:
        _say(str(error), "bold red")
        raise typer.Exit(UNJUDGED) from None
    except KeyboardInterrupt:
        _say("Interrupted before it served.")


@app.command()
def backends() -> None:
    """List the backends that Maccord can start or reach."""
    rows = [
        [recipe.name, recipe.summary, recipe.install.how, recipe.proven or "not run"]
        for recipe in recipes.all_recipes()
    ]
    _out.print(_table(["backend", "what it is", "comes from", "run by Maccord's authors"], rows))


@app.command()
def requirements(
    profile: Annotated[str | None, typer.Option(help="Only those of this profile.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="As a page: docs/requirements.md.")
    ] = False,
) -> None:
    """List the requirements."""
    found = [
        stated
        for stated in catalogue.requirements()
        if profile is None or profile in stated.profiles
    ]
    if as_json:
        print(json.dumps([asdict(stated) for stated in found], indent=1))
    elif as_markdown:
        print(requirements_page.markdown(found), end="")
    else:
        rows = [[stated.id, stated.level, stated.title] for stated in found]
        _out.print(_table(["id", "level", "requirement"], rows))


@app.command()
def coverage(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="As a page: docs/coverage.md.")
    ] = False,
) -> None:
    """Show which operations and parameters of the API the requirements cover."""
    found = table(catalogue.requirements())
    if as_json:
        print(json.dumps(page.data(found), indent=1))
    elif as_markdown:
        print(page.markdown(found), end="")
    else:
        _out.print(_table(list(page.SUMMARY), list(page.summary_rows(found))))


@app.command()
def selftest(
    mutant: Annotated[list[str] | None, typer.Argument(help="Only these; by default all.")] = None,
    depth: Annotated[
        list[str] | None,
        typer.Option(help=f"Only these: {', '.join(DEPTHS)}; by default all."),
    ] = None,
    quick: Annotated[bool, typer.Option(help="Some mutants of each depth.")] = False,
    until: Annotated[
        Until,
        typer.Option(
            help="How far each is hunted: until one requirement kills it, as far as they are near "
            "to what is altered, or to the end of all, which takes hours."
        ),
    ] = Until.KILLED,
    backend_python: Annotated[
        Path | None, typer.Option(help="Interpreter that has vLLM's CPU build already.")
    ] = None,
    workers: Annotated[int, typer.Option("-n", min=1, help="Mutants hunted at once.")] = 2,
    kills: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            writable=True,
            help="Take into this file what killed what, beside what is there already.",
        ),
    ] = None,
    as_list: Annotated[bool, typer.Option("--list", help="Only list the mutants.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="As a page: docs/detection.md.")
    ] = False,
) -> None:
    """Set the suite on backends that are broken on purpose, and show which requirement kills each.

    Exit codes: 0 all are killed, 1 some survive, 2 the server could not be had.
    """
    try:
        mutants = detection.chosen(mutant or [], depth or [], quick=quick)
        if as_list:
            for each, names in mutants.items():
                rows = [[name, *each.mutants[name]] for name in names]
                _out.print(_table([f"mutant of the {each.name}", *each.columns], rows))
            return
        python = backend_python and backend_python.absolute()
        how = Hunting(_err, python, workers, until)
        found = detection.run(mutants, how)
    except TargetError as error:
        _say(str(error), "bold red")
        raise typer.Exit(UNJUDGED) from None
    every = [each for some in found.values() for each in some]
    survivors = sum(not each.killed for each in every)
    if kills:
        detection.note(found, until, kills)
    if as_markdown:
        print(detection_page.markdown(found), end="")
    else:
        _out.print(f"{len(every)} mutants, {survivors} survivors")
    raise typer.Exit(1 if survivors else 0)


@models.command("list")
def model_list(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the fixture models: what each is served for and puts to the test, and which engines
    load it."""
    tried = fixtures.models.engines()
    models = [*fixtures.models.describe(), *fixtures.models.tasks()]
    described = [
        {
            "name": model.name,
            "task": model.task,
            "family": model.family,
            "summary": model.summary,
            "size": model.size,
            "feature": model.feature,
            "engines": tried.get(model.name, {}),
            "sha256": model.sha256,
            "files": dict(model.files),
        }
        for model in models
    ]
    if as_json:
        print(json.dumps(described, indent=1))
        return
    columns = ["name", "task", "family", "MB", "feature under test", "engines, as tried", "sha256"]
    rows = [
        [
            model.name,
            model.task,
            model.family,
            f"{model.size / 1e6:.1f}",
            model.feature,
            _engines(tried.get(model.name, {})),
            model.sha256[:12],
        ]
        for model in models
    ]
    _out.print(_table(columns, rows))


@models.command("path")
def model_path(name: str) -> None:
    """Print the folder of a fixture model; it is built on first use."""
    try:
        with Display(_err) as progress:
            folder = fixtures.models.path(name, progress=progress)
    except fixtures.models.FixtureError as error:
        _say(str(error), "bold red")
        raise typer.Exit(UNJUDGED) from None
    print(folder)


@models.command("export-gguf")
def model_export_gguf(
    name: str,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file; by default one in the cache.")
    ] = None,
) -> None:
    """Write a fixture model as GGUF, unquantised, as llama.cpp reads it; print the file's path."""
    try:
        with Display(_err) as progress:
            file = fixtures.models.export_gguf(name, out, progress=progress)
    except fixtures.models.FixtureError as error:
        _say(str(error), "bold red")
        raise typer.Exit(UNJUDGED) from None
    print(file)


def main() -> None:
    """Entry point of the `maccord` command."""
    app()


def _engines(tried: dict[str, dict[str, Any]]) -> str:
    """What came of trying each engine: its name alone where the model is read as it should be."""
    words = [
        engine if result["status"] == "same" else f"{engine} ({result['status']})"
        for engine, result in tried.items()
    ]
    return ", ".join(words) or "not tried"


def _table(columns: list[str], rows: list[list[str]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _certify(options: Options) -> Certificate:
    """Run the suite against one target."""
    run = Certification.begin(options, _err)
    where = f" at {run.target.base_url}" if isinstance(run.target, ServerTarget) else ""
    _say(f"Certifying {run.target.name}{where}")
    if options.runner:
        # A runner uses all cores by itself, and what one process computed no other has.
        return measure(run, _err, processes=1)
    if isinstance(run.target, KernelTarget):
        return measure(run, _err, processes=min(options.workers, os.cpu_count() or 1))
    return measure(run, _err)


def _usable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        _say(f"No report can be written to {folder}: {error.strerror}.", "bold red")
        raise typer.Exit(UNJUDGED) from None


def _check_usage(options: Options, models: list[str]) -> None:
    check_earlier(options)
    named = (options.base_url, options.backend, options.runner, options.kernels)
    if sum(map(bool, named)) > 1:
        raise TargetError("Give one of --base-url, --backend, --runner and --kernels.")
    if options.profile not in PROFILES:
        raise TargetError(
            f"There is no profile {options.profile!r}; choose from {', '.join(PROFILES)}."
        )

    if len(models) > 1 and not each_model.wanted(options):
        raise TargetError(
            "Several models are for a backend that Maccord starts, with profile "
            f"{each_model.PROFILE}; give one --model."
        )


def _say(sentence: str, style: str = "") -> None:
    _err.print(sentence, markup=False, highlight=False, soft_wrap=True, style=style)


def _give_up(options: Options, reason: str) -> NoReturn:
    """End a run that never had a target: say why, and leave no older certificate in its place."""
    if options.report and not options.takes_up:
        write_report(void_certificate(options, reason), options.report)
    _say(reason, "bold red")
    raise typer.Exit(UNJUDGED)
