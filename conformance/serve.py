"""`maccord serve`: the reference backend, until somebody ends it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from enum import StrEnum
from pathlib import Path

from rich.console import Console

from conformance.certify import weights_of
from conformance.targets import recipes
from conformance.targets.errors import TargetError
from conformance.targets.logs import find, tail
from conformance.targets.progress import Display
from conformance.targets.server import started

RECIPE = "reference"
LOG_LINES = 15
_POLL_S = 0.5


class Attention(StrEnum):
    """What the reference computes attention with; docs/reference-backend.md."""

    MLX = "mlx"
    METAL = "metal"
    EMULATOR = "emulator"


def serve(
    model: str,
    port: int,
    python: Path | None,
    attention: Attention | None,
    arguments: Sequence[str],
    console: Console,
) -> None:
    """Serves a fixture model or the folder of a checkpoint until Ctrl+C.

    Args:
        python: an interpreter that has vLLM and mlx-lm; by default an environment is made.
        attention: by default what is best on this machine.
        arguments: added to vLLM's command line.

    Raises:
        TargetError: it cannot be installed or started, or it ended by itself.
    """
    recipe = recipes.load(RECIPE)
    if attention is not None:
        arguments = ["--additional-config.attention", attention, *arguments]
    gives_up = recipe.start.gives_up if recipe.start else ""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="maccord-"))
        with Display(console) as progress:
            name, weights = weights_of(model, recipe, progress)
            server = stack.enter_context(
                started(
                    recipe,
                    model_dir=weights,
                    model_name=name,
                    run_dir=Path(folder),
                    port=port,
                    python=python,
                    arguments=arguments,
                    progress=progress,
                )
            )
        said = f"{name} is served at {server.target.base_url}; Ctrl+C ends it."
        console.print(said, soft_wrap=True, highlight=False)
        with suppress(KeyboardInterrupt):
            while server.alive():
                time.sleep(_POLL_S)
            raise TargetError(_ended(Path(str(server.target.log_path)), gives_up))


def _ended(log: Path, gives_up: str) -> str:
    """What to say of a server that ended: why, where its log says it, or else the log's end."""
    if gives_up and (why := find(log, gives_up)):
        return f"The server ended by itself: {why[why.index(gives_up) :].rstrip('.')}."
    return "\n".join(["The server ended by itself.", *tail(log, LOG_LINES)])
