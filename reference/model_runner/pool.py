"""Keys and values of all layers, in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx


@dataclass(frozen=True)
class LayerShape:
    """What a layer keeps of a token: `num_kv_heads` keys and values.

    Attention over latents keeps one row as the key, the latent and its rotated part, and no value.
    """

    num_kv_heads: int
    key_size: int
    value_size: int

    def bytes_per_token(self, dtype: mx.Dtype) -> int:
        return self.num_kv_heads * (self.key_size + self.value_size) * dtype.size


class Pool:
    """Of each layer keys and values, [num_blocks, block_size, num_kv_heads, size].

    Writing is a scatter that MLX does in place as long as nobody else holds the arrays; so nobody
    is given them for longer than a step.
    """

    def __init__(
        self, shapes: Sequence[LayerShape], num_blocks: int, block_size: int, dtype: mx.Dtype
    ) -> None:
        self.num_blocks, self.block_size, self.dtype = num_blocks, block_size, dtype
        place = (num_blocks, block_size)
        self.keys = [mx.zeros((*place, s.num_kv_heads, s.key_size), dtype) for s in shapes]
        self.values = [mx.zeros((*place, s.num_kv_heads, s.value_size), dtype) for s in shapes]
        mx.eval(self.keys, self.values)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in (*self.keys, *self.values))

    def write(
        self, layer: int, places: tuple[mx.array, mx.array], keys: mx.array, values: mx.array
    ) -> None:
        """Keys and values [num_tokens, num_kv_heads, size] to their blocks and offsets."""
        self.keys[layer][places] = keys.astype(self.dtype)
        if values.size:  # MLX dies of a scatter of nothing
            self.values[layer][places] = values.astype(self.dtype)

    def copy_blocks(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Copies whole blocks of all layers; pairs are from and to."""
        source, destination = (mx.array(ids) for ids in zip(*pairs, strict=True))
        for array in (*self.keys, *self.values):
            if array.size:
                array[destination] = array[source]
