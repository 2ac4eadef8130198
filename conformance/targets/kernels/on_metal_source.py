"""Somebody's `.metal` files, as a TOML file says that they are called: `reference.metal_source`.

The suite never imports the reference; it reaches this one as any other library, by its name.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from conformance.targets.kernels.contract import Array, KernelCapabilities, KernelError

PLACE = "reference.metal_source", "MetalSource"


class MetalSource:
    """The library of a TOML file; what the emulator finds in a kernel is a KernelError.

    Raises:
        Exception: whatever is wrong with the file or with its sources; one sentence.
    """

    def __init__(self, path: Path) -> None:
        module, kind = PLACE
        self._library: Any = getattr(importlib.import_module(module), kind)(path)
        self.name = str(self._library.name)

    def capabilities(self) -> KernelCapabilities | Mapping[str, Any]:
        said: Mapping[str, Any] = self._library.capabilities()
        return said

    def reshape_and_cache(self, *arrays: Array, **named: Any) -> None:
        _told(lambda: self._library.reshape_and_cache(*arrays, **named))

    def copy_blocks(self, *arrays: Array) -> None:
        _told(lambda: self._library.copy_blocks(*arrays))

    def paged_attention(self, *arrays: Array, **named: Any) -> Any:
        return _told(lambda: self._library.paged_attention(*arrays, **named))


def _told(operation: Callable[[], Any]) -> Any:
    """What an operation returns; a finding's sentence is told as it is.

    Raises:
        KernelError: the emulator found something, or the kernel cannot be run.
    """
    try:
        return operation()
    except Exception as error:
        if not type(error).__module__.startswith("reference."):
            raise
        raise KernelError(str(error)) from error
