"""Sequences over a pool, without an engine: blocks are taken when needed, and given back."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from reference.model_runner.loading import load
from reference.model_runner.step import of_sequences

Logits = NDArray[np.float32]

BLOCK_SIZE = 16
NUM_BLOCKS = 256
"""4,096 tokens of all sequences together."""


@dataclass(eq=False)
class Kept:
    """What is kept of a sequence: how many tokens, and their blocks; they are free when it goes."""

    length: int = 0
    blocks: list[int] = field(default_factory=list)


class MlxModelRunner:
    """A checkpoint in MLX over a paged pool.

    Args:
        dtype: "float32", "bfloat16" or "float16"; that of the checkpoint if None.
        attention: "mlx", "metal" or "emulator"; what is best here if None.
    """

    name = "reference"

    def __init__(
        self, folder: Path, dtype: str | None = None, attention: str | None = None
    ) -> None:
        self.model = load(folder, dtype, attention)
        self.dtype = str(self.model.dtype).removeprefix("mlx.core.")
        self.pool = self.model.pool(NUM_BLOCKS, BLOCK_SIZE)
        self._free = list(range(NUM_BLOCKS))
        self._users = [0] * NUM_BLOCKS

    def logits(self, token_ids: list[int]) -> Logits:
        cache = self.new_cache()
        try:
            return self.extend(cache, token_ids)
        finally:
            self.release(cache)

    def new_cache(self) -> Kept:
        return self._kept(0, [])

    def extend(self, cache: Kept, token_ids: Sequence[int]) -> Logits:
        (found,) = self.extend_all([(cache, token_ids)])
        return found

    def extend_all(self, sequences: Sequence[tuple[Kept, Sequence[int]]]) -> list[Logits]:
        """Logits of more tokens of several sequences, in one step."""
        for cache, token_ids in sequences:
            self._grow(cache, cache.length + len(token_ids))
        step = of_sequences(
            [(token_ids, cache.length, cache.blocks) for cache, token_ids in sequences], BLOCK_SIZE
        )
        hidden = self.model.hidden(step, self.pool)
        for cache, token_ids in sequences:
            cache.length += len(token_ids)
        logits = np.array(self.model.logits(hidden).astype(mx.float32))
        return np.split(logits, step.query_start_loc[1:-1])

    def reuse(self, cache: Kept) -> Kept:
        """Another sequence that begins with the same full blocks, and a copy of the last."""
        full = cache.length // BLOCK_SIZE
        mine = self._kept(cache.length, cache.blocks[:full])
        if cache.length % BLOCK_SIZE:
            self._grow(mine, cache.length)
            self.pool.copy_blocks([(cache.blocks[full], mine.blocks[full])])
        return mine

    def release(self, cache: Kept) -> None:
        """Gives its blocks back."""
        self._give_back(cache.blocks)
        cache.length = 0

    def close(self) -> None:
        """Frees the model and the pool."""
        del self.model, self.pool

    def _kept(self, length: int, blocks: list[int]) -> Kept:
        for block in blocks:
            self._users[block] += 1
        cache = Kept(length, blocks)
        weakref.finalize(cache, self._give_back, blocks)
        return cache

    def _give_back(self, blocks: list[int]) -> None:
        for block in blocks:
            self._users[block] -= 1
            if not self._users[block]:
                self._free.append(block)
        blocks.clear()

    def _grow(self, cache: Kept, length: int) -> None:
        needed = -(-length // BLOCK_SIZE) - len(cache.blocks)
        if needed > len(self._free):
            raise MemoryError(f"The pool of {NUM_BLOCKS} blocks has no {needed} left.")
        for _ in range(needed):
            block = self._free.pop(0)
            self._users[block] += 1
            cache.blocks.append(block)
