"""`maccord record --base-url`: production's distribution, recorded through its API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from conformance.options import Options
from conformance.recording.record import CONTINUED, record_over_api
from conformance.recording.routes import ROUTES
from conformance.targets.errors import TargetError
from conformance.targets.progress import Display
from fixtures.models.cache import FixtureError
from fixtures.snapshots import Snapshot

UNRECORDED = 2
"""Exit code where nothing could be recorded."""


def record(
    base_url: Annotated[str, typer.Option(help="Production's API, for example https://host/v1.")],
    out: Annotated[Path, typer.Option(help="Folder that the snapshot is written to.")],
    model: Annotated[
        str | None, typer.Option(help="The model's name there; needed where several are served.")
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds the API key.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Folder with the model's tokenizer.json, or checkpoint.")
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option(help="Prompts of your own: a JSON object a line.")
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="Alternatives a position, if fewer are wanted.")
    ] = None,
    continued: Annotated[
        int, typer.Option("--continue", min=1, help="Greedy tokens after each prompt.")
    ] = CONTINUED,
    workers: Annotated[
        int, typer.Option("--workers", "-n", min=1, max=64, help="Requests in flight at once.")
    ] = 4,
    request_timeout: Annotated[
        float, typer.Option(min=0.1, help="Deadline of one request, seconds.")
    ] = 120.0,
    route: Annotated[
        str | None,
        typer.Option(help=f"Try only this one of: {', '.join(kind.name for kind in ROUTES)}."),
    ] = None,
) -> None:
    """Record production's logprobs, so that a Mac can be compared with them later.

    Exit code: 0 recorded, 2 nothing could be recorded.
    """
    console = Console(stderr=True)
    try:
        with Display(console) as progress:
            snapshot = record_over_api(
                base_url,
                out,
                model=model,
                api_key=Options(api_key_env=api_key_env).api_key(),
                tokenizer=tokenizer,
                prompts=prompts,
                top=top,
                continued=continued,
                workers=workers,
                request_timeout_s=request_timeout,
                route=route,
                progress=progress,
            )
    except (TargetError, FixtureError) as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True, style="bold red")
        raise typer.Exit(UNRECORDED) from None
    for line in described(snapshot, out):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


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
