"""The reference Metal kernels of a paged K/V cache: on a GPU, and without one in the emulator.

| file | what it holds |
|---|---|
| `paged_attention.metal` | prefill, decode and any mixture of the two |
| `paged_attention_split_kv.metal`, `paged_attention_reduce.metal` | decode over long contexts |
| `mla_attention.metal` | multi-head latent attention |
| `reshape_and_cache.metal`, `copy_blocks.metal` | writing to the cache |
| `online_softmax.h`, `tiles.h`, `kv_cache.h` | what they share |
| `kernels` | the launch of each |
| `launch` | by `mlx.core.fast.metal_kernel`, or by `reference.emulator` |
| `library` | the contract of a kernel library |
"""

from reference.metal.launch import SAFE, Launcher
from reference.metal.library import MetalKernels as library


def emulated(check: str | None = SAFE) -> library:
    """The kernels in the emulator, on a Mac too; `check` names its safety modes."""
    return library(Launcher(gpu=False, check=check))


__all__ = ["Launcher", "emulated", "library"]
