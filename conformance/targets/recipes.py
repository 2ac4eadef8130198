"""Backend recipes: one TOML file says how a known server is installed, started and reached.

The files of the backends that Maccord knows lie in `recipes/`; a team may keep one of its own
anywhere and give its path instead of a name. A recipe is read strictly: a field that is unknown,
missing or of another type is refused, since a typing error would otherwise start another server
than the one that was meant.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from conformance.targets.errors import RecipeError
from conformance.targets.tables import Table

__all__ = ["Claims", "Install", "Recipe", "RecipeError", "Start", "all_recipes", "known", "load"]

FOLDER = Path(__file__).with_name("recipes")
HOW = ("venv", "command-on-path", "external")
PLATFORMS = ("linux", "darwin")
MODEL_FORMATS = ("safetensors", "gguf")
PLACEHOLDERS = ("python", "model", "name", "max_model_len", "host", "port", "scratch", "maccord")


@dataclass(frozen=True)
class Install:
    """How the backend comes onto the machine.

    `how` is "venv" (Maccord makes an environment with `requirements`, then uninstalls `remove`; it
    is laid over that of the recipe called `over`, where that one runs on this platform too),
    "command-on-path" (a person installs it; the start command is found on the PATH) or "external"
    (a person runs it; nothing is started). `distribution` is the one whose version is the
    backend's; `version_command` prints it where there is no distribution. `hint` is a sentence for
    a person whom the automatic way does not serve.
    """

    how: str
    requirements: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    over: str | None = None
    python: str | None = None
    distribution: str | None = None
    version_command: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True)
class Start:
    """How the server is started.

    `command`, the values of `env` and `served_model` may contain {python}, {model} (the path of
    the weights), {name} (what a person calls the model), {max_model_len} (a modest context length
    in tokens that the model was made for), {host}, {port}, {scratch} (an empty folder of this run)
    and {maccord} (where Maccord's packages lie). `served_model` is what a client must call the
    model. The server is ready when `health` answers with status 200. `gives_up` is part of the line
    in its log with which it says that it failed, where its process goes on; "" if it never does
    that.

    `arguments` are added to the command for the models of those names: parsers of tool calls and
    of reasoning fit one model and are wrong for the next. `profiles` are added for those profiles:
    what a server does when it is short of memory is seen only where it is.
    """

    command: tuple[str, ...]
    arguments: dict[str, tuple[str, ...]]
    profiles: dict[str, tuple[str, ...]]
    env: dict[str, str]
    served_model: str
    health: str
    ready_timeout_s: float
    gives_up: str = ""

    def command_for(self, model_name: str, profile: str | None = None) -> tuple[str, ...]:
        """The command that serves the model of that name, placeholders not yet filled in."""
        of_model = self.arguments.get(model_name, ())
        return (*self.command, *of_model, *self.profiles.get(profile or "", ()))


@dataclass(frozen=True)
class Claims:
    """OpenAI operations that the backend's own documentation (`source`) says it supports."""

    operations: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Recipe:
    """One backend. `proven` says where and when Maccord's authors ran it; "" means never.

    `start` is None exactly when `install.how` is "external", and `url` is then where it answers.
    """

    name: str
    summary: str
    homepage: str
    proven: str
    platforms: tuple[str, ...]
    model_format: str
    base_path: str
    url: str | None
    install: Install
    start: Start | None
    claims: Claims
    path: Path


def known() -> list[str]:
    """Names of the backends that Maccord knows, sorted."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def all_recipes() -> list[Recipe]:
    """The recipes of all known backends, sorted by name.

    Raises:
        RecipeError: one of them breaks the format.
    """
    return [load(name) for name in known()]


def load(name: str) -> Recipe:
    """The recipe of a known backend, or the one in the file `name` when that ends in `.toml`.

    Raises:
        RecipeError: the name is unknown, or the file cannot be read or breaks the format.
    """
    if name.endswith(".toml"):
        return _read(Path(name))
    if name not in known():
        raise RecipeError(
            f"No backend is called {name!r}; known are {', '.join(known())}, "
            "or give the path of a recipe of your own (….toml)."
        )
    return _read(FOLDER / f"{name}.toml")


def _read(path: Path) -> Recipe:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: is not valid TOML ({error}).") from error
    root = Table(path, "", data)
    install = root.table("install")
    how = install.choice("how", HOW)
    recipe = Recipe(
        name=root.text("name"),
        summary=root.text("summary"),
        homepage=root.text("homepage"),
        proven=root.text("proven", ""),
        platforms=root.choices("platforms", PLATFORMS),
        model_format=root.choice("model_format", MODEL_FORMATS),
        base_path=root.text("base_path", "/v1", pattern=r"(/[\w.-]+)*"),
        url=root.text("url", pattern=r"https?://[^/]+") if how == "external" else None,
        install=_install(install, how),
        start=None if how == "external" else _start(root.table("start")),
        claims=_claims(root.table("claims")),
        path=path,
    )
    root.nothing_else()
    if path.parent == FOLDER and recipe.name != path.stem:
        raise root.error("name", f'"{path.stem}", as the file is called')
    return recipe


def _install(table: Table, how: str) -> Install:
    venv = how == "venv"
    install = Install(
        how=how,
        requirements=table.texts("requirements") if venv else (),
        remove=table.texts("remove", ()) if venv else (),
        over=table.text("over", "") or None if venv else None,
        python=table.text("python", "", pattern=r"3\.\d+|") or None if venv else None,
        distribution=table.text("distribution") if venv else None,
        version_command=table.texts("version_command", ()) if how == "command-on-path" else (),
        hint=table.text("hint", "") if venv else table.text("hint"),
    )
    table.nothing_else()
    return install


def _start(table: Table) -> Start:
    start = Start(
        command=table.texts("command"),
        arguments={name: _arguments(each) for name, each in table.tables("models").items()},
        profiles={name: _arguments(each) for name, each in table.tables("profiles").items()},
        env=table.text_map("env"),
        served_model=table.text("served_model"),
        health=table.text("health", pattern=r"/.*"),
        ready_timeout_s=table.number("ready_timeout_s"),
        gives_up=table.text("gives_up", ""),
    )
    table.nothing_else()
    for field, texts in (
        ("command", start.command),
        *((f"models.{name}.arguments", texts) for name, texts in start.arguments.items()),
        *((f"profiles.{name}.arguments", texts) for name, texts in start.profiles.items()),
        ("env", tuple(start.env.values())),
        ("served_model", (start.served_model,)),
    ):
        for used in re.findall(r"\{(.*?)\}", " ".join(texts)):
            if used not in PLACEHOLDERS:
                names = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
                raise table.error(field, f"no other placeholders than {names}, not {{{used}}}")
    if "{port}" not in " ".join([*start.command, *start.env.values()]):
        raise table.error("command", "{port} somewhere in it, since Maccord chooses the port")
    return start


def _arguments(table: Table) -> tuple[str, ...]:
    arguments = table.texts("arguments")
    table.nothing_else()
    return arguments


def _claims(table: Table) -> Claims:
    claims = Claims(table.texts("operations"), table.text("source"))
    table.nothing_else()
    return claims
