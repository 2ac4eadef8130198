"""Kernel libraries: whatever reads and writes a paged KV cache."""

from conformance.targets.kernels.checked import Checked
from conformance.targets.kernels.contract import (
    Feature,
    KernelCapabilities,
    KernelError,
    KernelLibrary,
    LatentLibrary,
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
    "LatentLibrary",
    "capabilities_of",
    "find",
    "load",
]
