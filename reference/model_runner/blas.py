"""A fast BLAS for MLX on Linux.

MLX's wheel for CPUs brings the reference BLAS, 10 to 20 times slower in float32. A library that is
loaded into the global scope before MLX is found first: the system's OpenBLAS, or one that another
package in this environment brought. Nothing happens where there is none, where MLX is imported
already, or on a Mac.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("libopenblas.so.0", "libopenblas.so")
FUNCTION = "cblas_sgemm"


def load() -> str | None:
    """Loads one, and returns its name; None where none was loaded."""
    if not sys.platform.startswith("linux") or "mlx.core" in sys.modules:
        return None
    for name in (*NAMES, *_brought()):
        try:
            if hasattr(ctypes.CDLL(name, mode=os.RTLD_LAZY | os.RTLD_LOCAL), FUNCTION):
                ctypes.CDLL(name, mode=os.RTLD_GLOBAL)
                return name
        except OSError:
            continue
    return None


def _brought() -> Iterator[str]:
    """OpenBLAS as wheels bring it, beside the packages in `NAME.libs`."""
    for folder in map(Path, sys.path):
        if folder.name == "site-packages":
            yield from map(str, sorted(folder.glob("*.libs/libopenblas*.so*")))
