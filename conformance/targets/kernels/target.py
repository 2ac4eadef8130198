"""Kernel libraries by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from conformance.targets.errors import TargetError
from conformance.targets.kernels.checked import Checked
from conformance.targets.kernels.contract import KernelError, KernelLibrary

ADAPTERS: Mapping[str, str] = {
    "reference-mlx": "reference.mlx_ops:library",
    "torch": "conformance.targets.kernels.on_torch:TorchKernels",
    "vllm-cpu": "conformance.targets.kernels.on_vllm_cpu:VllmCpuKernels",
}
"""Name to "module:object"; the object is called without arguments and is then a library."""


@dataclass(frozen=True)
class KernelTarget:
    """A kernel library as the target of a run.

    Attributes:
        kernels: a name in `ADAPTERS`, "module:object", or a TOML file that tells of `.metal` files.
        python: the interpreter of its process; None for this one.
        log_path: what its process prints.
    """

    kernels: str
    python: str | None = None
    log_path: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> KernelTarget:
        return cls(**data)

    def load(self) -> Checked:
        """The library. Raises TargetError, see `load`."""
        log = None if self.log_path is None else Path(self.log_path)
        return load(self.kernels, None if self.python is None else Path(self.python), log)


OPERATIONS = ("capabilities", "reshape_and_cache", "copy_blocks", "paged_attention")


def load(name: str, python: Path | None = None, log: Path | None = None) -> Checked:
    """A library of `ADAPTERS`, another's "module:object" (a class, a function or a library), or
    that of a TOML file, see `on_metal_source`.

    Args:
        python: the interpreter that has it, in a process of its own; by default this one.
        log: what that process prints.

    Raises:
        TargetError: there is none of this name, it cannot be imported, or it is no library.
    """
    library: KernelLibrary
    if python is None:
        library = found(name)
    else:
        from conformance.targets.kernels.remote import RemoteKernels

        library = RemoteKernels(name, python, log=log)
    try:
        return Checked(library)
    except KernelError as error:
        raise TargetError(str(error)) from error


def found(name: str) -> KernelLibrary:
    """The library of this name in this interpreter, as `load` finds it. Raises TargetError."""
    there = _toml(name) if name.endswith(".toml") else _object(name)
    try:
        library: Any = there() if callable(there) else there
    except Exception as error:  # It raises what it likes.
        if name.endswith(".toml"):
            raise TargetError(str(error)) from error
        raise TargetError(f"The kernel library {name!r} does not start: {error}") from error
    missing = [operation for operation in OPERATIONS if not hasattr(library, operation)]
    if missing or not hasattr(library, "name"):
        what = missing[0] if missing else "name"
        raise TargetError(f"{name!r} is no kernel library: it has no {what!r}.")
    made: KernelLibrary = library
    return made


def _toml(name: str) -> Callable[[], Any]:
    from conformance.targets.kernels.on_metal_source import MetalSource

    return lambda: MetalSource(Path(name))


def _object(name: str) -> Any:
    """The object of a name in `ADAPTERS` or of "module:object". Raises TargetError."""
    module, colon, attribute = ADAPTERS.get(name, name).partition(":")
    if not colon:
        raise TargetError(
            f"There is no kernel library {name!r}: name one of {', '.join(ADAPTERS)}, "
            "or your own as module:object or a TOML file."
        )
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        elsewhere = "" if name not in ADAPTERS else "; --kernels-python names another interpreter"
        raise TargetError(
            f"The kernel library {name!r} cannot be imported: {error}{elsewhere}."
        ) from error
