"""Attention over the pool, for the rows of a step.

A step's rows are cut into pieces, and each piece is one small dense computation: up to `CHUNK` rows
of a sequence, with the keys up to their end, together with those of other sequences that have as
many rows and about as many keys. All of it is in float32, as the kernels' contract has it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from reference.model_runner.step import Step

CHUNK = 128
"""Rows of a piece of prefill: fewer are more calls, and more are keys that no row sees."""
SHORT = 7
"""Up to 2^7 - 1 keys are about as many, and then those between two powers of two."""
TOGETHER = 2048
"""Rows times keys that sequences may have together in a piece."""
LOG2_E = 1 / math.log(2)
"""The softmax is one of powers of two: on x86 MLX's `power` takes a third of the time of `exp`."""

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """What a layer does to products of queries and keys before the softmax."""

    scale: float
    sliding_window: int | None = None
    logits_soft_cap: float | None = None
    sinks: mx.array | None = None


@dataclass(frozen=True)
class Piece:
    """As many rows of each of some sequences, and the keys that they see.

    Attributes:
        shape: num_seqs, num_rows.
        rows: [num_seqs, num_rows], of the step; None for all of them in their order.
        places: [num_seqs, num_kv_heads, num_keys], of a layer of the pool as rows of one head.
        bias: [num_seqs, 1, 1, num_rows, num_keys], -inf for keys that a row does not see; None
            where each row sees all.
    """

    shape: tuple[int, int]
    rows: mx.array | None
    places: mx.array
    bias: mx.array | None

    def queries(self, query: mx.array) -> mx.array:
        """[num_seqs, num_rows, num_heads, size] in float32."""
        if self.rows is None:
            return query.reshape(*self.shape, *query.shape[1:]).astype(mx.float32)
        return query[self.rows].astype(mx.float32)

    def heads(self, cache: mx.array) -> mx.array:
        """Keys or values, [num_seqs, num_kv_heads, num_keys, size] in float32."""
        return cache.flatten(0, 2)[self.places].astype(mx.float32)


class MlxAttention:
    """Attention of all rows of one step, in MLX's operations."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._pieces: dict[tuple[int | None, int], list[Piece]] = {}

    def __call__(
        self, query: mx.array, keys: mx.array, values: mx.array, scores: Scores
    ) -> mx.array:
        """[num_tokens, num_heads, value_size] in the query's dtype.

        Args:
            query: [num_tokens, num_heads, key_size].
            keys, values: a layer of the pool, [num_blocks, block_size, num_kv_heads, size].
        """
        kind = scores.sliding_window, keys.shape[2]
        if kind not in self._pieces:
            self._pieces[kind] = [self._piece(rows, *kind) for rows in self._rows]
        found = [attend(query, keys, values, piece, scores) for piece in self._pieces[kind]]
        output = found[0] if self._order is None else mx.concatenate(found)[self._order]
        return output.astype(query.dtype)

    @cached_property
    def _rows(self) -> list[Indices]:
        """Rows of each piece, [num_seqs, num_rows]."""
        return list(_together(self._step))

    @cached_property
    def _order(self) -> mx.array | None:
        """Where each row of the step is among those of the pieces; None where they are in order."""
        rows = np.concatenate([rows.flatten() for rows in self._rows])
        in_order = len(self._rows) == 1 and (np.diff(rows) == 1).all()
        return None if in_order else mx.array(np.argsort(rows))

    def _piece(self, rows: Indices, window: int | None, num_kv_heads: int) -> Piece:
        step = self._step
        at = step.positions[rows]  # [num_seqs, num_rows]
        first = np.zeros_like(at[:, :1]) if window is None else at[:, :1] - window + 1
        first = np.maximum(first, 0)
        keys = first + np.arange((at[:, -1:] + 1 - first).max())
        distance = at[:, :, None] - keys[:, None]
        seen = distance >= 0 if window is None else (distance >= 0) & (distance < window)
        keys = np.minimum(keys, at[:, -1:])  # beyond a sequence its last token, unseen
        of = np.searchsorted(step.query_start_loc, rows[:, :1], side="right") - 1
        blocks = step.block_table[of, keys // step.block_size].astype(np.int64)
        slots = blocks * step.block_size + keys % step.block_size
        bias = np.where(seen, np.float32(0), np.float32(-np.inf))[:, None, None]
        return Piece(
            rows.shape,
            None if self._order is None else mx.array(rows),
            mx.array(slots[:, None] * num_kv_heads + np.arange(num_kv_heads)[:, None]),
            None if seen.all() else mx.array(bias),
        )


def _together(step: Step) -> Iterator[Indices]:
    """Rows of each piece."""
    alike: dict[tuple[int, int], list[Indices]] = defaultdict(list)
    for begin, end in pairwise(step.query_start_loc.tolist()):
        for first in range(begin, end, CHUNK):
            rows = np.arange(first, min(first + CHUNK, end))
            keys = int(step.positions[rows[-1]]) + 1
            alike[len(rows), max(keys.bit_length(), SHORT)].append(rows)
    for (count, bits), held in alike.items():
        most = max(1, TOGETHER // (count << bits))
        for begin in range(0, len(held), most):
            yield np.stack(held[begin : begin + most])


def attend(
    query: mx.array, keys: mx.array, values: mx.array, piece: Piece, scores: Scores
) -> mx.array:
    """[num_seqs · num_rows, num_heads, value_size] of a piece, in float32."""
    k, v = piece.heads(keys), piece.heads(values)
    q = scores.scale * LOG2_E * piece.queries(query)
    num_seqs, num_rows, num_heads, _ = q.shape
    groups = (num_seqs, k.shape[1], num_heads // k.shape[1], num_rows)
    q = q.swapaxes(1, 2).reshape(num_seqs, k.shape[1], -1, k.shape[3])  # a group's heads are rows
    s = (q @ k.swapaxes(-1, -2)).reshape(*groups, -1)
    if scores.logits_soft_cap is not None:
        cap = scores.logits_soft_cap * LOG2_E
        s = cap * mx.tanh(s / cap)
    if piece.bias is not None:
        s = s + piece.bias
    most = s.max(axis=-1, keepdims=True)
    if scores.sinks is not None:
        sinks = LOG2_E * scores.sinks.astype(mx.float32).reshape(*groups[1:3], 1, 1)
        most = mx.maximum(most, sinks)
    p = mx.power(2.0, s - most)
    total = p.sum(axis=-1, keepdims=True)
    if scores.sinks is not None:
        total = total + mx.power(2.0, sinks - most)
    found = (p.reshape(*q.shape[:3], -1) @ v).reshape(*groups, -1) / total
    return found.reshape(num_seqs, num_heads, num_rows, -1).swapaxes(1, 2).flatten(0, 1)
