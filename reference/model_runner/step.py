"""The tokens of one step, one a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Step:
    """Tokens of any sequences, each sequence's together and in order.

    Attributes:
        token_ids, positions, slots: [num_tokens]; a slot is block · block_size + offset.
        block_table: [num_seqs, max_blocks].
        seq_lens: [num_seqs], tokens after the step.
        query_start_loc: [num_seqs + 1], where each sequence's rows begin.
    """

    token_ids: NDArray[np.int32]
    positions: NDArray[np.int32]
    slots: NDArray[np.int64]
    block_table: NDArray[np.int32]
    seq_lens: NDArray[np.int32]
    query_start_loc: NDArray[np.int32]
    block_size: int

    @cached_property
    def offsets(self) -> mx.array:
        """Positions, as rotary embeddings take them."""
        return mx.array(self.positions)

    @cached_property
    def places(self) -> tuple[mx.array, mx.array]:
        """Block and offset of each row."""
        return mx.array(self.slots // self.block_size), mx.array(self.slots % self.block_size)


def of_sequences(
    sequences: Sequence[tuple[Sequence[int], int, Sequence[int]]], block_size: int
) -> Step:
    """A step of sequences, each as its new tokens, how many came before, and its blocks."""
    new = [np.asarray(tokens, np.int32) for tokens, _, _ in sequences]
    positions = [
        np.arange(before, before + len(tokens), dtype=np.int32)
        for (_, before, _), tokens in zip(sequences, new, strict=True)
    ]
    widest = max(len(blocks) for _, _, blocks in sequences)
    block_table = np.zeros((len(sequences), widest), np.int32)
    for row, (_, _, blocks) in zip(block_table, sequences, strict=True):
        row[: len(blocks)] = blocks
    slots = [
        row[at // block_size].astype(np.int64) * block_size + at % block_size
        for row, at in zip(block_table, positions, strict=True)
    ]
    return Step(
        token_ids=np.concatenate(new),
        positions=np.concatenate(positions),
        slots=np.concatenate(slots),
        block_table=block_table,
        seq_lens=np.array([at[-1] + 1 for at in positions], np.int32),
        query_start_loc=np.cumsum([0, *map(len, new)], dtype=np.int32),
        block_size=block_size,
    )
