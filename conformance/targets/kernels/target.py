"""Kernel libraries by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from conformance.targets.errors import TargetError
from conformance.targets.imported import imported
from conformance.targets.kernels.checked import Checked
from conformance.targets.kernels.contract import Feature, KernelError

ADAPTERS: Mapping[str, str] = {
    "reference-metal": "reference.metal:library",
    "reference-mlx": "reference.mlx_ops:library",
    "torch": "conformance.targets.kernels.on_torch:TorchKernels",
}
"""Name to "module:object"; the object is called without arguments and is then a library."""


@dataclass(frozen=True)
class KernelTarget:
    """A kernel library as the target of a run.

    Attributes:
        kernels: a name in `ADAPTERS`, or "module:object".
        name: what a person calls it, in reports.
        claims: what it says of itself: the attributes of `KernelCapabilities` that it limits.
    """

    kernels: str
    name: str
    claims: dict[str, list[Any]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> KernelTarget:
        return cls(**data)


def find(kernels: str) -> KernelTarget:
    """The library that a person names.

    Raises:
        TargetError: as `load`.
    """
    library = load(kernels)
    said = asdict(library.capabilities())
    claims = {name: sorted(values) for name, values in said.items() if values is not None}
    return KernelTarget(kernels, library.name, claims)


OPERATIONS = ("capabilities", "reshape_and_cache", "copy_blocks", "paged_attention")


def load(name: str) -> Checked:
    """A library of `ADAPTERS`, or another's "module:object": a class, a function or a library.

    Raises:
        TargetError: there is none of this name, it cannot be imported, or it is no library.
    """
    place = ADAPTERS.get(name, name)
    if ":" not in place:
        raise TargetError(
            f"There is no kernel library {name!r}: name one of {', '.join(ADAPTERS)}, "
            "or your own as module:object."
        )
    found = imported(place)
    try:
        library = found() if callable(found) else found
    except Exception as error:  # It raises what it likes.
        raise TargetError(f"The kernel library {name!r} does not start: {error}") from error
    missing = [operation for operation in OPERATIONS if not hasattr(library, operation)]
    if missing or not hasattr(library, "name"):
        what = missing[0] if missing else "name"
        raise TargetError(f"{name!r} is no kernel library: it has no {what!r}.")
    try:
        checked = Checked(library)
    except KernelError as error:
        raise TargetError(str(error)) from error
    if Feature.MLA in checked.capabilities().features and not hasattr(library, "mla_attention"):
        raise TargetError(
            f"{name!r} says that it has {Feature.MLA.value}, and has no 'mla_attention': add it, "
            f"or name the features that there are, without {Feature.MLA.value}, in capabilities()."
        )
    return checked
