"""One K/V pool for MLX and PyTorch: a tensor over the memory of an MLX array.

On Apple silicon CPU and GPU have one memory, so that a pool which Metal kernels fill can be read
and written by PyTorch on the CPU, and nothing is copied. MLX's arrays are values, though: it writes
in place only where nothing else holds the memory, and a tensor over it does. A view is therefore
borrowed, between MLX's writes and not across them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


@contextmanager
def torch_view(pool: mx.array) -> Iterator[torch.Tensor]:
    """A tensor over a pool's own memory: what either writes, the other reads.

    Drop it, and whatever was made from it, at the end of the `with`: while it is held, MLX's next
    write copies the pool.

    Raises:
        RuntimeError: at the end, if MLX wrote to the pool meanwhile; it then wrote to a copy, and
            what PyTorch wrote since is lost.
    """
    import torch

    before = address(pool)
    yield torch.from_numpy(_bits_of(pool)).view(getattr(torch, str(pool.dtype).split(".")[-1]))
    if address(pool) != before:
        raise RuntimeError(
            "MLX wrote to the pool while PyTorch had a view of it: the pool is now a copy, without "
            "what PyTorch wrote since. End the view before MLX writes."
        )


def address(pool: mx.array) -> int:
    """Where in memory the first number of an array is."""
    found: int = _bits_of(pool).__array_interface__["data"][0]
    return found


def _bits_of(pool: mx.array) -> NDArray[np.unsignedinteger[Any]]:
    """An array over the same memory, which stays there as long as the array does.

    It is of the numbers' bits: NumPy has no bfloat16. And it is of a second MLX array over that
    memory: one of the pool itself would not keep MLX from giving the memory back.
    """
    # MLX's stubs do not say that its arrays are buffers.
    bits: Any = pool.view({1: mx.uint8, 2: mx.uint16, 4: mx.uint32}[pool.itemsize])
    mx.eval(bits)
    return np.asarray(memoryview(bits))
