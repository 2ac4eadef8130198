"""`maccord record`: production's logits into a snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from conformance.targets.progress import Display
from fixtures.models import FixtureError
from fixtures.snapshots import launch

ENGINES = ("vllm",)
FAILED = 2
"""Exit code of a recording that did not come about."""

_err = Console(stderr=True)


def record(
    model: Annotated[str, typer.Option(help="A fixture model's name, or a checkpoint's folder.")],
    out: Annotated[Path, typer.Option(help="Folder of the snapshot.")],
    engine: Annotated[str, typer.Option(help=f"One of: {', '.join(ENGINES)}.")] = "vllm",
    dtype: Annotated[str, typer.Option(help="bfloat16, float16 or float32.")] = "bfloat16",
    attention_backend: Annotated[
        str | None, typer.Option(help="As vLLM calls it; by default its own choice.")
    ] = None,
    eager: Annotated[bool, typer.Option(help="Without compilation and CUDA graphs.")] = False,
    require: Annotated[
        str | None, typer.Option(help="Refuse to record on another kind of device, as cuda.")
    ] = None,
    python: Annotated[
        Path | None, typer.Option(help="Interpreter that has the engine; this one by default.")
    ] = None,
) -> None:
    """Record an engine's logits of a model: every position of a set of prompts.

    Exit code: 0 recorded, 2 not.
    """
    options = ["--dtype", dtype]
    if attention_backend:
        options += ["--attention-backend", attention_backend]
    if eager:
        options.append("--eager")
    if require:
        options += ["--require", require]
    try:
        if engine not in ENGINES:
            _give_up(f"There is no engine {engine!r}; choose from {', '.join(ENGINES)}.")
        with Display(_err) as progress:
            speed = launch.record(model, out, python=python, options=options, progress=progress)
    except FixtureError as error:
        _give_up(str(error))
    _err.print(f"{out}: {speed}", markup=False, highlight=False, soft_wrap=True)


def _give_up(reason: str) -> None:
    _err.print(reason, markup=False, highlight=False, soft_wrap=True, style="bold red")
    raise typer.Exit(FAILED)
