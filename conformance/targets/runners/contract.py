"""What a runner is: the least that it offers, and the further ways to run that it may offer.

Any object with `logits(token_ids)` is a runner. One that also keeps a KV cache says so with
`new_cache`, `extend` and, for prefixes that are used again, `reuse`; one that has a batch of its
own, or lives elsewhere, computes a whole `Way` at once in `score`. Nothing here needs more than
NumPy: engines import it in interpreters of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from conformance.targets.apart.answers import Broken, Refused, raised
from fixtures.snapshots import Recorded

__all__ = [
    "CHUNKS",
    "STRANGER",
    "WAY_IS",
    "Broken",
    "Caching",
    "Logits",
    "Refused",
    "Runner",
    "Scoring",
    "Sequences",
    "Way",
    "raised",
]

Sequences = Mapping[str, Sequence[int]]
Logits = NDArray[np.float32]
"""`[tokens, vocabulary]`; row n is the distribution of the token after `token_ids[: n + 1]`."""


class Way(StrEnum):
    """How the tokens of a sequence go through the model."""

    ONE_PASS = "one-pass"
    DECODE = "decode"
    CHUNKS = "chunked-prefill"
    BATCH = "batch"
    PREFIX = "prefix-reused"


WAY_IS = {
    Way.ONE_PASS: "a sequence alone, all of its tokens at once",
    Way.DECODE: "a sequence alone, one token at a time over a KV cache",
    Way.CHUNKS: "a sequence alone, a few tokens at a time over a KV cache",
    Way.BATCH: "all sequences together, of whatever lengths, prefilled and then decoded",
    Way.PREFIX: "a second part after the KV cache of a first that another sequence used too",
}

CHUNKS = (7, 16)
"""Tokens of a chunk: one that no block size is a multiple of, and the smallest block size."""

STRANGER = 5
"""Tokens with which another sequence goes on after a first part that two share."""


class Runner(Protocol):
    """The least that a runner is.

    It may have, beside this:

    - `name: str` and `dtype: str`, what it computes in ("float32", "bfloat16", "float16");
    - `generate(token_ids, max_tokens) -> list[int]`: the likeliest token each time, until one that
      ends an answer (which may be left out) or `max_tokens`;
    - `new_cache() -> C` and `extend(cache, token_ids) -> logits`, see `Caching`;
    - `ways` and `score(sequences, way)`, see `Scoring`;
    - `close()`.
    """

    def logits(self, token_ids: list[int]) -> Logits:
        """Float32 logits `[len(token_ids), vocabulary]` of one sequence in one pass."""
        ...


@runtime_checkable
class Caching(Protocol):
    """A runner that keeps what it computed of a sequence.

    `reuse(cache)` beside this gives a cache that goes on from the same tokens on its own.
    """

    def new_cache(self) -> Any:
        """A cache of no tokens."""
        ...

    def extend(self, cache: Any, token_ids: list[int]) -> Logits:
        """Logits `[len(token_ids), vocabulary]` of more tokens after those in the cache."""
        ...


@runtime_checkable
class Scoring(Protocol):
    """A runner that computes some ways of its own, where its logits are, and keeps the top of them.

    Attributes:
        ways: those that it computes.
    """

    ways: Collection[Way]

    def score(self, sequences: Sequences, way: Way) -> Mapping[str, Recorded]:
        """What it saw, by the sequences' names; positions and sequences may be missing.

        Raises:
            Refused: this way is not for this model or these sequences.
        """
        ...
