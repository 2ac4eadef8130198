"""Kernel libraries by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from conformance.targets.errors import TargetError
from conformance.targets.imported import imported
from conformance.targets.kernels.checked import Checked
from conformance.targets.kernels.contract import (
    Feature,
    KernelError,
    KernelLibrary,
    capabilities_of,
)

ADAPTERS: Mapping[str, str] = {
    "reference-metal": "reference.metal:library",
    "reference-mlx": "reference.mlx_ops:library",
    "torch": "conformance.targets.kernels.on_torch:TorchKernels",
    "vllm-cpu": "conformance.targets.kernels.on_vllm_cpu:VllmCpuKernels",
    "vllm-metal": "conformance.targets.kernels.on_vllm_metal:VllmMetalKernels",
}
"""Name to "module:object"; the object is called without arguments and is then a library."""


@dataclass(frozen=True)
class KernelTarget:
    """A kernel library as the target of a run.

    Attributes:
        kernels: a name in `ADAPTERS`, "module:object", or a TOML file that tells of `.metal` files.
        name: what a person calls it, in reports.
        claims: what it says of itself: the attributes of `KernelCapabilities` that it limits.
        python: the interpreter of its process; None for this one.
        log_path: what its process prints.
    """

    kernels: str
    name: str
    claims: dict[str, list[Any]] = field(default_factory=dict)
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


def find(kernels: str, python: Path | None = None, log: Path | None = None) -> KernelTarget:
    """The library that a person names.

    Args:
        python: an interpreter that has it; this one by default.
        log: what its process prints.

    Raises:
        TargetError: as `load`.
    """
    library = load(kernels, python, log)
    said = asdict(library.capabilities())
    claims = {name: sorted(values) for name, values in said.items() if values is not None}
    library.close()
    return KernelTarget(
        kernels,
        library.name,
        claims,
        None if python is None else str(python),
        None if log is None else str(log),
    )


def load(name: str, python: Path | None = None, log: Path | None = None) -> Checked:
    """A library of `ADAPTERS`, another's "module:object" (a class, a function or a library), or
    that of a TOML file, see `on_metal_source`.

    Args:
        python: the interpreter that has it, in a process of its own; by default this one.
        log: what that process prints.

    Raises:
        TargetError: there is none of this name, it cannot be imported, or it is no library.
    """
    if python is None:
        return Checked(found(name))
    from conformance.targets.kernels.remote import RemoteKernels

    return Checked(RemoteKernels(name, python, log=log))


OPERATIONS = ("capabilities", "reshape_and_cache", "copy_blocks", "paged_attention")


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
    try:
        features = capabilities_of(made).features
    except KernelError as error:
        raise TargetError(str(error)) from error
    if Feature.MLA in features and not hasattr(library, "mla_attention"):
        raise TargetError(
            f"{name!r} says that it has {Feature.MLA.value}, and has no 'mla_attention': add it, "
            f"or name the features that there are, without {Feature.MLA.value}, in capabilities()."
        )
    return made


def _toml(name: str) -> Callable[[], Any]:
    from conformance.targets.kernels.on_metal_source import MetalSource

    return lambda: MetalSource(Path(name))


def _object(name: str) -> Any:
    """The object of a name in `ADAPTERS` or of "module:object". Raises TargetError."""
    place = ADAPTERS.get(name, name)
    if ":" not in place:
        raise TargetError(
            f"There is no kernel library {name!r}: name one of {', '.join(ADAPTERS)}, "
            "or your own as module:object or a TOML file."
        )
    try:
        return imported(place)
    except TargetError as error:
        if name not in ADAPTERS:
            raise
        raise TargetError(
            f"{name} is not installed here ({error}): name an interpreter that has it with "
            "--kernels-python."
        ) from error
