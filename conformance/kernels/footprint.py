"""What sequences cost in memory: in blocks, and as contiguous allocations of the longest length.

Before paging every sequence was given room for the longest that it might become (Kwon et al. 2023,
section 3.1). In blocks it has at most one that is not full, and a prefix that several share is
there once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from conformance.targets.kernels.contract import Array


@dataclass(frozen=True)
class Sequences:
    """Some sequences that are served at once.

    Attributes:
        lengths: tokens of each.
        longest: what each may become, at most: `max_model_len`.
        prefix: tokens at the beginning that all share; a multiple of `block_size`.
        block_size: tokens of a block.
    """

    lengths: tuple[int, ...]
    longest: int
    prefix: int = 0
    block_size: int = 16

    @property
    def num_blocks(self) -> int:
        """Blocks that hold them, and no more."""
        own = sum(-(-(length - self.prefix) // self.block_size) for length in self.lengths)
        return own + self.prefix // self.block_size

    def block_table(self, seed: int = 0) -> Array:
        """[num_seqs, max_blocks] int32: every block of the pool, in random order."""
        order = np.random.default_rng(seed).permutation(self.num_blocks).astype(np.int32)
        shared, taken = self.prefix // self.block_size, self.prefix // self.block_size
        needed = [-(-length // self.block_size) for length in self.lengths]
        table = np.zeros((len(needed), max(needed)), np.int32)
        for row, count in enumerate(needed):
            own = order[taken : taken + count - shared]
            table[row, :count] = np.concatenate([order[:shared], own])
            taken += count - shared
        return table


@dataclass(frozen=True)
class Footprint:
    """Bytes of keys and values.

    Attributes:
        sequences, tokens, longest_sequence: how many are served, and how long.
        pool_bytes: of the pool that held them all.
        contiguous_bytes: of as many allocations of `longest` tokens.
        longest_contiguous: tokens of each sequence, if the pool's bytes were given to as many
            sequences alike.
    """

    name: str
    sequences: int
    tokens: int
    longest_sequence: int
    block_size: int
    pool_bytes: int
    contiguous_bytes: int
    longest_contiguous: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def footprint(name: str, served: Sequences, caches: tuple[Array, Array]) -> Footprint:
    """What the sequences cost in these caches."""
    pool = sum(cache.nbytes for cache in caches)
    slots = caches[0].shape[0] * caches[0].shape[1]
    token = pool // slots
    return Footprint(
        name=name,
        sequences=len(served.lengths),
        tokens=sum(served.lengths),
        longest_sequence=max(served.lengths),
        block_size=served.block_size,
        pool_bytes=pool,
        contiguous_bytes=len(served.lengths) * served.longest * token,
        longest_contiguous=slots // len(served.lengths),
    )


SETS: Mapping[str, Sequences] = {
    "chat": Sequences((1, 17, 60, 128, 250, 511, 900, 2048), longest=2048),
    "one-long": Sequences((1800, 40, 25, 100), longest=2048),
    "shared-prefix": Sequences((540, 530, 600, 513, 512, 545), longest=1024, prefix=512),
}
"""What people send: lengths are uneven, one is long, many have the same system prompt."""
