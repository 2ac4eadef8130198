"""Attention over the pool, for the rows of a step.

`MlxAttention` gathers. Sequences that decode are gathered together, padded to the longest, so that
a step costs a few operations a layer however many they are; each that prefills is gathered alone.
All of it is in float32, as the kernels' contract has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import mlx.core as mx
import numpy as np

from reference.mlx_ops.attention import attend, gather
from reference.model_runner.step import Step


@dataclass(frozen=True)
class Scores:
    """What a layer does to products of queries and keys before the softmax."""

    scale: float
    sliding_window: int | None = None
    logits_soft_cap: float | None = None
    sinks: mx.array | None = None


class MlxAttention:
    """Attention of all rows of one step, in MLX's operations."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._decode: dict[int | None, tuple[mx.array, mx.array, mx.array]] = {}
        self._order: mx.array | None = None
        decoding, prefilling = step.decoding, step.prefilling
        if len(prefilling):
            rows = [step.query_start_loc[decoding]]
            rows += [
                np.arange(step.query_start_loc[s], step.query_start_loc[s + 1]) for s in prefilling
            ]
            # Outputs come decode first; this brings them back to the order of the rows.
            self._order = mx.array(np.argsort(np.concatenate(rows)))

    def __call__(
        self, query: mx.array, keys: mx.array, values: mx.array, scores: Scores
    ) -> mx.array:
        """[num_tokens, num_heads, value_size] in the query's dtype.

        Args:
            query: [num_tokens, num_heads, key_size].
            keys, values: a layer of the pool, [num_blocks, block_size, num_kv_heads, size].
        """
        outputs = []
        if len(self._step.decoding):
            outputs.append(self._decoded(query, keys, values, scores))
        for sequence in self._step.prefilling:
            outputs.append(self._prefilled(int(sequence), query, keys, values, scores))
        found = outputs[0] if len(outputs) == 1 else mx.concatenate(outputs)
        if self._order is not None:
            found = found[self._order]
        return found.astype(query.dtype)

    def _decoded(
        self, query: mx.array, keys: mx.array, values: mx.array, scores: Scores
    ) -> mx.array:
        rows, slots, distance = self._places(scores.sliding_window)
        of_query = query if self._order is None else query[rows]
        k, v = (cache.flatten(0, 1)[slots] for cache in (keys, values))
        return attend_each(of_query, k, v, distance, scores)

    def _places(self, window: int | None) -> tuple[mx.array, mx.array, mx.array]:
        """Rows of the sequences that decode, slots of what they see, and its distances."""
        if window not in self._decode:
            step, decoding = self._step, self._step.decoding
            lens = step.seq_lens[decoding]
            begin = np.maximum(lens - window, 0) if window else np.zeros_like(lens)
            at = begin[:, None] + np.arange((lens - begin).max())
            distance = lens[:, None] - 1 - at
            at = np.minimum(at, lens[:, None] - 1)  # beyond a sequence its last token, unseen
            blocks = np.take_along_axis(step.block_table[decoding], at // step.block_size, axis=1)
            slots = blocks.astype(np.int64) * step.block_size + at % step.block_size
            rows = step.query_start_loc[decoding]
            self._decode[window] = mx.array(rows), mx.array(slots), mx.array(distance)
        return self._decode[window]

    def _prefilled(
        self, sequence: int, query: mx.array, keys: mx.array, values: mx.array, scores: Scores
    ) -> mx.array:
        step, window = self._step, scores.sliding_window
        first, end = (int(step.query_start_loc[sequence + n]) for n in (0, 1))
        length = int(step.seq_lens[sequence])
        start = length - (end - first)  # position of the first query
        begin = 0 if window is None else max(0, start - window + 1)
        blocks = step.block_table[sequence].tolist()
        k, v = (gather(cache, blocks, begin, length) for cache in (keys, values))
        return attend(
            query[first:end],
            k,
            v,
            mx.arange(start, length)[:, None] - mx.arange(begin, length)[None],
            scale=scores.scale,
            sliding_window=window,
            logits_soft_cap=scores.logits_soft_cap,
            sinks=scores.sinks,
            alibi_slopes=None,
        )


def attend_each(
    query: mx.array, keys: mx.array, values: mx.array, distance: mx.array, scores: Scores
) -> mx.array:
    """One query of each of many sequences, [num_seqs, num_heads, value_size] in float32.

    Args:
        query: [num_seqs, num_heads, key_size].
        keys, values: [num_seqs, num_keys, num_kv_heads, size].
        distance: [num_seqs, num_keys], below 0 for what comes after the query.
    """
    groups = query.shape[1] // keys.shape[2]
    q = query.astype(mx.float32).reshape(len(query), keys.shape[2], groups, -1)
    k, v = (array.astype(mx.float32).swapaxes(1, 2) for array in (keys, values))
    s = scores.scale * (q @ k.swapaxes(-1, -2))  # [num_seqs, num_kv_heads, groups, num_keys]
    if scores.logits_soft_cap is not None:
        s = scores.logits_soft_cap * mx.tanh(s / scores.logits_soft_cap)
    s = mx.where(distance[:, None, None] >= 0, s, -mx.inf)
    if scores.sinks is not None:
        sinks = scores.sinks.astype(mx.float32).reshape(1, keys.shape[2], groups, 1)
        s = mx.concatenate([s, mx.broadcast_to(sinks, (*s.shape[:3], 1))], axis=-1)
    p = mx.softmax(s, axis=-1)
    if scores.sinks is not None:
        p = p[..., :-1]
    return (p @ v).flatten(1, 2)
