"""Kernel libraries: whatever reads and writes a paged KV cache."""

from conformance.targets.kernels.checked import Checked
from conformance.targets.kernels.contract import (
    Feature,
    KernelCapabilities,
    KernelError,
    KernelLibrary,
    capabilities_of,
)
from conformance.targets.kernels.target import ADAPTERS, KernelTarget, find, load

__all__ = [
    "ADAPTERS",
    "Checked",
    "Feature",
    "KernelCapabilities",
    "KernelError",
    "KernelLibrary",
    "KernelTarget",
    "capabilities_of",
    "find",
    "load",
]
