"""A server under test: what the tests must know of it, and how a recipe becomes one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from conformance.targets.environment import backend_version, clean_environment, prepare
from conformance.targets.errors import NotServed, TargetError
from conformance.targets.ports import HOST, free_port, require_free
from conformance.targets.probe import NoModelList, probe
from conformance.targets.process import BackendProcess
from conformance.targets.progress import Progress, quiet
from conformance.targets.recipes import Recipe
from conformance.targets.warm_up import warm_up
from fixtures.models.cache import weights_sha256
from fixtures.models.tasks.words import TEXT

FIRST_ANSWER_TIMEOUT_S = 60.0
MACCORD = Path(__file__).resolve().parents[2]

MAX_MODEL_LEN = 2048
"""Context length that a backend is started with: more than any requirement needs."""


@dataclass(frozen=True)
class ServerTarget:
    """A server that answers.

    Attributes:
        name: what a person calls it, in reports.
        base_url: URL to which "/chat/completions" is appended.
        model: what a request must call the model.
        backend: name of its recipe, None for a server that was only given as a URL.
        tokenizer_dir: folder with the tokenizer of the served weights, where known.
        weights_sha256: see `fixtures.models.cache.weights_sha256`, where known.
        command: how Maccord started it; empty if it did not.
        claims: `operations` that the backend's documentation names, and its `source`.
        log_path: what the started process prints.
        max_model_len: context length in tokens, where the server says it.
        server_header: the HTTP header in which the server names itself.
        tasks: what it does with the model, words of `fixtures.models.tasks.words`.
    """

    name: str
    base_url: str
    model: str
    backend: str | None = None
    backend_version: str | None = None
    tokenizer_dir: str | None = None
    weights_sha256: str | None = None
    command: tuple[str, ...] = ()
    claims: dict[str, Any] = field(default_factory=dict)
    log_path: str | None = None
    max_model_len: int | None = None
    server_header: str | None = None
    tasks: tuple[str, ...] = (TEXT,)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "command": list(self.command)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ServerTarget:
        """The target that `to_json` wrote."""
        lists = {name: tuple(data[name]) for name in ("command", "tasks")}
        return cls(**{**data, **lists})


@dataclass(frozen=True)
class StartedServer:
    """A server that Maccord started; `restart` starts it again at the same URL.

    `alive` says whether its process still runs.
    """

    target: ServerTarget
    restart: Callable[[], None]
    alive: Callable[[], bool]


def short_name(model: str) -> str:
    """What a person calls a model: the last element of a path, or of a hub's name."""
    return model.rstrip("/").rsplit("/", 1)[-1]


def running(
    base_url: str, *, api_key: str | None = None, model: str | None = None, timeout_s: float = 5.0
) -> ServerTarget:
    """A server that runs already.

    Where the model's name is known, a server whose list of models is broken is a target all the
    same: the list has requirements of its own, and so has the rest.

    Raises:
        TargetError: nothing answers there that could be tested.
    """
    try:
        found = probe(base_url, api_key=api_key, model=model, timeout_s=timeout_s)
    except NoModelList:
        if model is None or not warm_up(
            base_url, model, api_key=api_key, timeout_s=FIRST_ANSWER_TIMEOUT_S
        ):
            raise
        return ServerTarget(name=model, base_url=base_url.rstrip("/"), model=model)
    return ServerTarget(
        name=found.model,
        base_url=found.base_url,
        model=found.model,
        max_model_len=found.max_model_len,
        server_header=found.server_header,
    )


def claims(recipe: Recipe) -> dict[str, Any]:
    """What the backend's documentation says it supports."""
    return {"operations": list(recipe.claims.operations), "source": recipe.claims.source}


@contextmanager
def started(
    recipe: Recipe,
    *,
    model_dir: Path,
    model_name: str,
    run_dir: Path,
    port: int | None = None,
    python: Path | None = None,
    profile: str | None = None,
    arguments: Sequence[str] = (),
    progress: Progress = quiet,
) -> Iterator[StartedServer]:
    """Installs the backend if needed, serves the model, and ends the server afterwards.

    Args:
        model_dir: folder with the weights; for a recipe of model format "gguf" also the file.
        model_name: what a person calls the model.
        run_dir: where the server's log goes, as `<backend>.log`, and its scratch folder.
        port: by default a free one.
        python: an interpreter that already has the backend.
        profile: what it is started for.
        arguments: added to the command.

    Raises:
        NotServed: it cannot be had to serve the model.
        TargetError: the backend cannot be installed or started.
        ValueError: the recipe's backend is external; use `running`.
    """
    if recipe.start is None:
        raise ValueError(f"{recipe.name} is started by a person")
    interpreter = prepare(recipe, python=python, progress=progress)
    weights = _weights(recipe, model_dir)
    if port is None:
        port = free_port()
    else:
        require_free(port)
    scratch = run_dir / f"{recipe.name}-scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    values = {
        "python": str(interpreter),
        "model": str(weights),
        "name": model_name,
        "max_model_len": str(_max_model_len(weights)),
        "host": HOST,
        "port": str(port),
        "scratch": str(scratch.resolve()),
        "maccord": str(MACCORD),
    }
    parts = recipe.start.command_for(model_name, profile)
    command = (*(_fill(part, values) for part in parts), *arguments)
    managed = recipe.install.how == "venv"
    env = clean_environment(interpreter) if managed else dict(os.environ)
    env |= {name: _fill(text, values) for name, text in recipe.start.env.items()}
    log_path = run_dir / f"{recipe.name}.log"
    with BackendProcess(
        command,
        name=recipe.name,
        health_url=f"http://{HOST}:{port}{recipe.start.health}",
        log_path=log_path,
        ready_timeout_s=recipe.start.ready_timeout_s,
        gives_up=recipe.start.gives_up,
        env=env,
        progress=progress,
    ) as process:
        try:
            target = running(
                f"http://{HOST}:{port}{recipe.base_path}",
                model=_fill(recipe.start.served_model, values),
                timeout_s=30.0,
            )
        except TargetError as error:
            refused = error.refused if isinstance(error, NotServed) else True
            what = f"starts, and cannot be used: {str(error).rstrip('.')}"
            raise process.failure(what, refused=refused) from None
        target = replace(
            target,
            name=recipe.name,
            backend=recipe.name,
            claims=claims(recipe),
            backend_version=backend_version(recipe, interpreter),
            tokenizer_dir=str(weights) if (weights / "tokenizer.json").is_file() else None,
            weights_sha256=weights_sha256(weights),
            command=command,
            log_path=str(log_path),
        )
        yield StartedServer(target, process.restart, process.alive)


def _weights(recipe: Recipe, model_dir: Path) -> Path:
    """What {model} stands for, made absolute since the backend lists it in that form."""
    path = model_dir.resolve()
    if recipe.model_format == "gguf" and path.is_dir():
        files = sorted(path.glob("*.gguf"))
        if len(files) != 1:
            raise TargetError(
                f"{recipe.name} needs one GGUF file; {model_dir} contains {len(files)}."
            )
        return files[0]
    expected = path.is_file() if recipe.model_format == "gguf" else path.is_dir()
    if not expected:
        raise TargetError(f"{recipe.name} needs {recipe.model_format} weights; see {model_dir}.")
    return path


def _max_model_len(weights: Path) -> int:
    """`MAX_MODEL_LEN`, or the checkpoint's own where that is shorter: vLLM refuses more."""
    try:
        config = json.loads((weights / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return MAX_MODEL_LEN
    text = config.get("text_config") or config
    own = text.get("max_position_embeddings", text.get("max_target_positions"))
    return min(own, MAX_MODEL_LEN) if isinstance(own, int) else MAX_MODEL_LEN


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text
