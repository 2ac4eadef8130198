"""A server under test: what the tests must know of it, and how a recipe becomes one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from conformance.targets.environment import backend_version, clean_environment, prepare
from conformance.targets.errors import TargetError
from conformance.targets.ports import HOST, free_port, require_free
from conformance.targets.probe import Probe, probe
from conformance.targets.process import BackendProcess
from conformance.targets.progress import Progress, quiet
from conformance.targets.recipes import Recipe
from fixtures.models.cache import file_sha256


@dataclass(frozen=True)
class ServerTarget:
    """A server that answers.

    Attributes:
        name: what a person calls it, in reports.
        base_url: URL to which "/chat/completions" is appended.
        model: what a request must call the model.
        api_key: never leaves this process; workers get the name of an environment variable.
        api_key_env: that name.
        backend: name of its recipe, None for a server that was only given as a URL.
        tokenizer_dir: folder with the tokenizer of the served weights, where known.
        weights_sha256: see `weights_sha256`, where known.
        command: how Maccord started it; empty if it did not.
        claims: `operations` that the backend's documentation names, and its `source`.
        log_path: what the started process prints.
        max_model_len: context length in tokens, where the server says it.
    """

    name: str
    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    api_key_env: str | None = None
    backend: str | None = None
    backend_version: str | None = None
    tokenizer_dir: str | None = None
    weights_sha256: str | None = None
    command: tuple[str, ...] = ()
    claims: dict[str, Any] = field(default_factory=dict)
    log_path: str | None = None
    max_model_len: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data without the API key."""
        data = {**asdict(self), "command": list(self.command)}
        del data["api_key"]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any], *, api_key: str | None = None) -> ServerTarget:
        """The target that `to_json` wrote, with the key that its reader was given."""
        return cls(**{**data, "command": tuple(data["command"]), "api_key": api_key})


@contextmanager
def started(
    recipe: Recipe,
    *,
    model_dir: Path,
    model_name: str,
    run_dir: Path,
    port: int | None = None,
    python: Path | None = None,
    progress: Progress = quiet,
) -> Iterator[ServerTarget]:
    """Installs the backend if needed, serves the model, and ends the server afterwards.

    An external backend is only reached: it must already serve a model called `model_name`.

    Args:
        model_dir: folder with the weights; for a recipe of model format "gguf" also the file.
        model_name: what a person calls the model.
        run_dir: where the server's log goes, as `<backend>.log`, and its scratch folder.
        port: by default a free one.
        python: an interpreter that already has the backend.

    Raises:
        TargetError: the backend cannot be installed, started or reached.
    """
    interpreter = prepare(recipe, python=python, progress=progress)
    if recipe.start is None:
        found = probe(f"{recipe.url}{recipe.base_path}", api_key=None, model=model_name)
        yield _target(recipe, found)
        return
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
        "host": HOST,
        "port": str(port),
        "scratch": str(scratch.resolve()),
    }
    command = tuple(_fill(part, values) for part in recipe.start.command)
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
        env=env,
        progress=progress,
    ):
        found = probe(
            f"http://{HOST}:{port}{recipe.base_path}",
            api_key=None,
            model=_fill(recipe.start.served_model, values),
            timeout_s=30.0,
        )
        yield _target(
            recipe,
            found,
            backend_version=backend_version(recipe, interpreter),
            tokenizer_dir=str(weights) if (weights / "tokenizer.json").is_file() else None,
            weights_sha256=weights_sha256(weights),
            command=command,
            log_path=str(log_path),
        )


def weights_sha256(weights: Path) -> str | None:
    """The sha256 of a file of weights, or of the only safetensors file in a folder.

    For several files it is the sha256 of the lines "<sha256>  <name>", sorted by name, as
    `sha256sum *.safetensors | sha256sum` prints it. None where there are none.
    """
    if weights.is_file():
        return file_sha256(weights)
    files = sorted(weights.glob("*.safetensors"))
    if len(files) <= 1:
        return file_sha256(files[0]) if files else None
    lines = "".join(f"{file_sha256(file)}  {file.name}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _target(recipe: Recipe, found: Probe, **known: Any) -> ServerTarget:
    return ServerTarget(
        name=recipe.name,
        base_url=found.base_url,
        model=found.model,
        backend=recipe.name,
        claims={"operations": list(recipe.claims.operations), "source": recipe.claims.source},
        max_model_len=found.max_model_len,
        **known,
    )


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


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text
