"""Managed environments: a backend's own Python with its pinned requirements, made once.

An environment lies in `<cache>/backends/<name>-<fingerprint>`; the fingerprint covers everything
that went into it, so that a changed recipe gets a new one. `maccord-environment.json` is written
last: a folder without it is half made and is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from conformance.targets.errors import RecipeError, TargetError
from conformance.targets.progress import Progress
from conformance.targets.recipes import Recipe, load
from fixtures.models.cache import cache_root, locked
from fixtures.models.program import FOREIGN, finished

_MARKER = "maccord-environment.json"
_LIST_VERSIONS = """
import importlib.metadata as metadata, json
print(json.dumps({d.name: d.version for d in metadata.distributions() if d.name}))
"""


def prepare(recipe: Recipe, *, python: Path | None, progress: Progress) -> Path:
    """The interpreter that the recipe's {python} stands for; installs the backend if needed.

    Args:
        python: an interpreter in which a person installed the backend; nothing is installed then.

    Returns:
        `python` if given, the managed environment's interpreter for how = "venv", and Maccord's
        own (which the command does not use) for the others.

    Raises:
        TargetError: the platform is not one of the recipe's, the command is not on the PATH, or
            the environment cannot be made; with the last lines of what pip said.
    """
    if python is not None:
        if not os.access(python, os.X_OK) or python.is_dir():
            raise TargetError(f"{python} is not a Python interpreter that can be run.")
        return python
    if sys.platform not in recipe.platforms:
        raise TargetError(
            f"{recipe.name} runs on {' and '.join(recipe.platforms)} only; this is {sys.platform}."
        )
    if recipe.install.how == "command-on-path" and recipe.start:
        command = recipe.start.command[0]
        if shutil.which(command) is None:
            raise TargetError(f"`{command}` is not on the PATH. {recipe.install.hint}")
    if recipe.install.how != "venv":
        return Path(sys.executable)
    return _managed(recipe, progress)


def installed_versions(python: Path) -> dict[str, str]:
    """Version of every distribution that an interpreter sees, by name.

    Raises:
        TargetError: the interpreter cannot be run.
    """
    try:
        found = subprocess.run(
            [python, "-I", "-c", _LIST_VERSIONS], capture_output=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise TargetError(f"{python} cannot be asked what is installed ({error}).") from error
    versions: dict[str, str] = json.loads(found.stdout)
    return versions


def backend_version(recipe: Recipe, python: Path) -> str | None:
    """The backend's version: of its distribution, or as its command prints it; None if unknown.

    Raises:
        TargetError: the distribution is not installed in the interpreter's environment.
    """
    if recipe.install.distribution:
        versions = installed_versions(python)
        if recipe.install.distribution not in versions:
            raise TargetError(f"{recipe.install.distribution} is not installed in {python}.")
        return versions[recipe.install.distribution]
    if not recipe.install.version_command:
        return None
    try:
        said = subprocess.run(
            recipe.install.version_command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    lines = [line.strip() for line in said.splitlines() if any(map(str.isdigit, line))]
    # Devices may be listed before the version, and the compiler and its version after it.
    chosen = [line for line in lines if "version" in line.lower()] or lines
    return chosen[-1] if chosen else None


def clean_environment(python: Path) -> dict[str, str]:
    """This process' environment as an activated environment of `python` would have it."""
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    path = f"{python.parent}{os.pathsep}{inherited.get('PATH', os.defpath)}"
    return {**inherited, "PATH": path, "PYTHONUNBUFFERED": "1"}


def _managed(recipe: Recipe, progress: Progress) -> Path:
    stage = f"Installing {recipe.name}"
    below = _below(recipe)
    # First, since it may have been deleted after this one was made.
    under = _managed(below, progress) if below else None
    home = cache_root() / "backends" / f"{recipe.name}-{_fingerprint(recipe)}"
    python = home / "bin" / "python"
    if (home / _MARKER).exists() and python.exists():
        return python
    home.parent.mkdir(parents=True, exist_ok=True)
    with locked(home.with_name(f"{home.name}.lock"), progress, stage):
        if (home / _MARKER).exists() and python.exists():
            return python
        shutil.rmtree(home, ignore_errors=True)
        base = recipe.install.python or sys.executable
        virtualenv = [sys.executable, "-m", "virtualenv", "--no-periodic-update"]
        _run(
            recipe,
            [*virtualenv, "--python", base, str(home)],
            dict(os.environ),
            progress,
        )
        if under:
            _lay_over(python, under)
        env = clean_environment(python)
        pip = [str(python), "-m", "pip", "--no-input", "--disable-pip-version-check"]
        requirements = list(recipe.install.requirements)
        # What is imported is compiled when it first is; all of it would take a minute.
        install = [*pip, "install", "--no-compile", "--progress-bar", "off"]
        _run(recipe, [*install, *requirements], env, progress)
        if recipe.install.remove:
            _run(recipe, [*pip, "uninstall", "--yes", *recipe.install.remove], env, progress)
        marker = {"requirements": requirements, "versions": installed_versions(python)}
        draft = home / f"{_MARKER}.draft"
        draft.write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
        os.replace(draft, home / _MARKER)
    return python


def _below(recipe: Recipe) -> Recipe | None:
    """The recipe that this one's environment is laid over on this platform.

    Raises:
        RecipeError: there is no such recipe, or its environment is none to lay one over.
    """
    if recipe.install.over is None:
        return None
    named = recipe.install.over
    below = load(str(recipe.path.parent / named) if named.endswith(".toml") else named)
    if below.install.how != "venv" or below.install.python != recipe.install.python:
        raise RecipeError(
            f"{recipe.path}: install.over: {named} has no environment of this Python."
        )
    if below.install.over is not None:
        raise RecipeError(f"{recipe.path}: install.over: {named} lies over another itself.")
    return below if sys.platform in below.platforms else None


def _lay_over(python: Path, under: Path) -> None:
    """Lets an environment see what another has, after what it has itself; pip sees it too."""
    own, other = (_site_packages(interpreter) for interpreter in (python, under))
    (own / "maccord-over.pth").write_text(f"{other}\n", encoding="utf-8")


def _site_packages(python: Path) -> Path:
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    said = subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True, check=True)
    return Path(said.stdout.strip())


def _fingerprint(recipe: Recipe) -> str:
    version = recipe.install.python or f"{sys.version_info.major}.{sys.version_info.minor}"
    basis = [version, sys.platform, platform.machine()]
    basis += [*recipe.install.requirements, "", *recipe.install.remove]
    if below := _below(recipe):
        basis += ["", _fingerprint(below)]
    return hashlib.sha256("\n".join(basis).encode()).hexdigest()[:12]


def _run(recipe: Recipe, command: list[str], env: dict[str, str], progress: Progress) -> None:
    stage = f"Installing {recipe.name}"
    code, lines = finished(command, env, lambda line: progress(stage, line))
    if code:
        tail = "\n  ".join(lines[-12:])
        hint = f" {recipe.install.hint}" if recipe.install.hint else ""
        raise TargetError(
            f"{recipe.name} could not be installed (exit code {code}).{hint}\n  {tail}"
        )
