"""Kernel libraries by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from conformance.targets.errors import TargetError
from conformance.targets.kernels.checked import Checked
from conformance.targets.kernels.contract import KernelError

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
    """

    kernels: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> KernelTarget:
        return cls(**data)


OPERATIONS = ("capabilities", "reshape_and_cache", "copy_blocks", "paged_attention")


def load(name: str) -> Checked:
    """A library of `ADAPTERS`, or another's "module:object": a class, a function or a library.

    Raises:
        TargetError: there is none of this name, it cannot be imported, or it is no library.
    """
    place = ADAPTERS.get(name, name)
    module, colon, attribute = place.partition(":")
    if not colon:
        raise TargetError(
            f"There is no kernel library {name!r}: name one of {', '.join(ADAPTERS)}, "
            "or your own as module:object."
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise TargetError(f"The kernel library {name!r} cannot be imported: {error}.") from error
    try:
        library = found() if callable(found) else found
    except Exception as error:  # It raises what it likes.
        raise TargetError(f"The kernel library {name!r} does not start: {error}") from error
    missing = [operation for operation in OPERATIONS if not hasattr(library, operation)]
    if missing or not hasattr(library, "name"):
        what = missing[0] if missing else "name"
        raise TargetError(f"{name!r} is no kernel library: it has no {what!r}.")
    try:
        return Checked(library)
    except KernelError as error:
        raise TargetError(str(error)) from error
