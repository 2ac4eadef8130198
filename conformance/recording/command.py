"""`maccord record`: production's distribution into a snapshot, from its engine or over its API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from conformance.options import Options
from conformance.recording.record import CONTINUED, record_over_api
from conformance.recording.routes import ROUTES
from conformance.targets.errors import TargetError
from conformance.targets.progress import Display
from fixtures.models.cache import FixtureError
from fixtures.snapshots import Snapshot, launch

ENGINES = ("vllm",)
UNRECORDED = 2
"""Exit code where nothing could be recorded."""

_API = "Over an API"
_ENGINE = "In an engine"
_err = Console(stderr=True)


def record(
    out: Annotated[Path, typer.Option(help="Folder that the snapshot is written to.")],
    base_url: Annotated[
        str | None, typer.Option(help="Production's API, for example https://host/v1.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help=f"Without an API: one of {', '.join(ENGINES)}.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Its name at the API; in an engine a fixture model, or a checkpoint's folder."
        ),
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option(help="Environment variable with the API key.", rich_help_panel=_API),
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the model's tokenizer.json, or checkpoint.", rich_help_panel=_API
        ),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help="Prompts of your own: a JSON object a line.", rich_help_panel=_API),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1, help="Alternatives a position, if fewer are wanted.", rich_help_panel=_API
        ),
    ] = None,
    continued: Annotated[
        int | None,
        typer.Option(
            "--continue",
            min=1,
            help=f"Greedy tokens after each prompt; {CONTINUED} by default.",
            rich_help_panel=_API,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            "-n",
            min=1,
            max=64,
            help="Requests in flight at once; 4 by default.",
            rich_help_panel=_API,
        ),
    ] = None,
    request_timeout: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Deadline of a request, seconds; 120 by default.", rich_help_panel=_API
        ),
    ] = None,
    route: Annotated[
        str | None,
        typer.Option(
            help=f"Try only this one of: {', '.join(kind.name for kind in ROUTES)}.",
            rich_help_panel=_API,
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(help="bfloat16 (the default), float16 or float32.", rich_help_panel=_ENGINE),
    ] = None,
    attention_backend: Annotated[
        str | None,
        typer.Option(help="As vLLM calls it; by default its own choice.", rich_help_panel=_ENGINE),
    ] = None,
    eager: Annotated[
        bool,
        typer.Option("--eager", help="No compilation, no CUDA graphs.", rich_help_panel=_ENGINE),
    ] = False,
    require: Annotated[
        str | None,
        typer.Option(
            help="Refuse to record on another kind of device, as cuda.", rich_help_panel=_ENGINE
        ),
    ] = None,
    python: Annotated[
        Path | None,
        typer.Option(
            help="Interpreter that has the engine; this one by default.", rich_help_panel=_ENGINE
        ),
    ] = None,
) -> None:
    """Record production's logprobs, so that a Mac can be compared with them later.

    With --base-url through production's API, which shows a part of them; otherwise in the engine
    itself, which this machine has: every position of a set of prompts.

    Exit code: 0 recorded, 2 nothing could be recorded.
    """
    api = {
        "--api-key-env": api_key_env,
        "--tokenizer": tokenizer,
        "--prompts": prompts,
        "--top": top,
        "--continue": continued,
        "--workers": workers,
        "--request-timeout": request_timeout,
        "--route": route,
    }
    inside = {
        "--engine": engine,
        "--dtype": dtype,
        "--attention-backend": attention_backend,
        "--eager": eager or None,
        "--require": require,
        "--python": python,
    }
    try:
        if base_url is not None:
            _refuse(inside, "goes with an engine on this machine, not with --base-url")
            with Display(_err) as progress:
                snapshot = record_over_api(
                    base_url,
                    out,
                    model=model,
                    api_key=Options(api_key_env=api_key_env).api_key(),
                    tokenizer=tokenizer,
                    prompts=prompts,
                    top=top,
                    continued=continued or CONTINUED,
                    workers=workers or 4,
                    request_timeout_s=request_timeout or 120.0,
                    route=route,
                    progress=progress,
                )
            lines = described(snapshot, out)
        else:
            _refuse(api, "goes with --base-url")
            if engine not in (None, *ENGINES):
                _give_up(f"There is no engine {engine!r}; choose from {', '.join(ENGINES)}.")
            if model is None:
                _give_up("Name a model: --model NAME or FOLDER, or production's API: --base-url.")
            given = {"--dtype": dtype or "bfloat16", "--attention-backend": attention_backend}
            given["--require"] = require
            options = [word for name, value in given.items() if value for word in (name, value)]
            with Display(_err) as progress:
                speed = launch.record(
                    model,
                    out,
                    python=python,
                    options=[*options, *(["--eager"] if eager else [])],
                    progress=progress,
                )
            lines = [f"{out}: {speed}"]
    except (TargetError, FixtureError) as error:
        _give_up(str(error))
    for line in lines:
        _err.print(line, markup=False, highlight=False, soft_wrap=True)


def described(snapshot: Snapshot, out: Path) -> list[str]:
    """What was recorded and what was not, for a terminal."""
    routes = snapshot.provenance["routes"]
    how = ", ".join(f"{count} by {route}" for route, count in routes.items())
    count = len(snapshot.prompts)
    return [
        f"Recorded {sum(routes.values())} positions of {count} prompts ({how}) in {out}.",
        "Not seen:",
        *(f"- {sentence}" for sentence in snapshot.provenance["unseen"]),
    ]


def _refuse(options: dict[str, Any], why: str) -> None:
    for name, value in options.items():
        if value is not None:
            _give_up(f"{name} {why}.")


def _give_up(reason: str) -> NoReturn:
    _err.print(reason, markup=False, highlight=False, soft_wrap=True, style="bold red")
    raise typer.Exit(UNRECORDED)
