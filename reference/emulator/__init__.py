"""Executes Metal Shading Language compute kernels, source text unmodified, on a CPU."""

from reference.emulator.errors import (
    CompileError,
    DeadlineExceeded,
    EmulatorError,
    KernelCrash,
)
from reference.emulator.findings import CheckError, Finding
from reference.emulator.kernel import metal_kernel
from reference.emulator.library import Encoder, Library, Pipeline
from reference.emulator.process import Size

__all__ = [
    "CheckError",
    "CompileError",
    "DeadlineExceeded",
    "EmulatorError",
    "Encoder",
    "Finding",
    "KernelCrash",
    "Library",
    "Pipeline",
    "Size",
    "metal_kernel",
]
