"""Somebody's `.metal` files as a kernel library, told by a TOML file and run by the emulator.

Paged attention comes in many shapes: other argument orders, cache layouts, grids. A host program
knows them, and here a few lines of TOML take its place, so that the source is run as it is.

| module | what it holds |
|---|---|
| `arithmetic` | expressions of sizes, "ceil_div(max_seq_len, 512)" |
| `layout` | a cache in another order of its axes, and back |
| `spec` | what the TOML file says, and the words that it may use |
| `reader` | the file, read and checked |
| `library` | the operations: arguments bound, kernels dispatched, safety modes on |

docs/kernels.md says what may stand in the file.
"""

from reference.metal_source.library import MetalSource
from reference.metal_source.spec import SpecError

__all__ = ["MetalSource", "SpecError"]
