"""The contract of a kernel library in plain MLX operations: for CPU and GPU, and for reading.

| module | what it holds |
|---|---|
| `attention` | attention over a paged cache: gather, then `mx.fast.scaled_dot_product_attention` |
| `cache` | `reshape_and_cache`, `copy_blocks`, and what 8 bits store |
| `library` | the same with NumPy arrays in and out |
| `views` | the pool as a PyTorch tensor, without a copy |
"""

from reference.mlx_ops.library import MlxOps as library

__all__ = ["library"]
