"""Attention over the pool by the kernels of `reference.metal`: on a GPU, or in the emulator.

Arrays are MLX's, so that a GPU reads the pool where it is. Writing to the pool stays MLX's scatter:
that is in place, and a kernel that MLX launches may write to new arrays alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from reference.metal import kernels
from reference.metal.launch import MlxLauncher, has_gpu
from reference.metal.library import HEAD_SIZES, THREADGROUP_MEMORY
from reference.model_runner.attention import MlxAttention, Scores
from reference.model_runner.checkpoint import CheckpointError
from reference.model_runner.pool import LayerShape
from reference.model_runner.step import Step

logger = logging.getLogger(__name__)

NAMES = ("mlx", "metal", "emulator")
"""MLX's operations, the kernels on the GPU, the kernels in the emulator."""

OfStep = Callable[[mx.array, mx.array, mx.array, Scores], mx.array]
Attention = Callable[[Step], OfStep]
"""What computes the attention of a step; see `MlxAttention`."""


class KernelAttention:
    """Attention of all rows of one step, called as `MlxAttention` is."""

    def __init__(self, step: Step, launcher: MlxLauncher) -> None:
        self._step, self._launcher = step, launcher
        self._places = _places(step, np.arange(len(step.seq_lens)))
        # Of each sequence alone, so that no other decides in which order its keys are summed.
        split = (np.diff(step.query_start_loc) == 1) & (step.seq_lens > kernels.PARTITION)
        self._whole, self._split = np.flatnonzero(~split), np.flatnonzero(split)
        self._split_places = _places(step, self._split)
        self._split_rows = mx.array(step.query_start_loc[self._split])
        self._query_start_loc = mx.array(step.query_start_loc)
        self._tiles: dict[int, mx.array] = {}

    def __call__(
        self, query: mx.array, keys: mx.array, values: mx.array, scores: Scores
    ) -> mx.array:
        """[num_tokens, num_heads, value_size] in the query's dtype.

        Args:
            query: [num_tokens, num_heads, key_size].
            keys, values: a layer of the pool, [num_blocks, block_size, num_kv_heads, size]; values
                that are smaller are latents, the first numbers of each key.
        """
        if keys.shape[-1] != values.shape[-1]:
            return self._of_latents(query, keys.squeeze(2), values.shape[-1], scores.scale)
        num_heads, num_kv_heads = query.shape[1], keys.shape[2]
        features = kernels.features(
            num_heads,
            scale=scores.scale,
            sliding_window=scores.sliding_window,
            logits_soft_cap=scores.logits_soft_cap,
            sinks=None if scores.sinks is None else scores.sinks.astype(mx.float32),
        )
        features |= {"key_cache": keys, "value_cache": values}
        if len(self._whole):
            output: mx.array = kernels.paged_attention(
                self._launcher,
                query,
                self._tiles_of(self._whole, num_heads // num_kv_heads),
                query_start_loc=self._query_start_loc,
                **self._places,
                **features,
            )
            if not len(self._split):
                return output
        longest = int(self._step.seq_lens[self._split].max())
        long: mx.array = kernels.paged_attention_split_kv(
            self._launcher, query[self._split_rows], longest, **self._split_places, **features
        )
        if not len(self._whole):
            return long
        output[self._split_rows] = long
        return output

    def _of_latents(
        self, query: mx.array, latent_cache: mx.array, latent_size: int, scale: float
    ) -> mx.array:
        found: mx.array = kernels.mla_attention(
            self._launcher,
            query,
            self._tiles_of(np.arange(len(self._step.seq_lens)), query.shape[1]),
            latent_cache,
            latent_size=latent_size,
            scale=scale,
            query_start_loc=self._query_start_loc,
            **self._places,
        )
        return found

    def _tiles_of(self, sequences: NDArray[np.intp], group: int) -> mx.array:
        """The same for all layers, whose groups of heads seldom differ."""
        if group not in self._tiles:
            tiles = kernels.tiles_of(self._step.query_start_loc, sequences, group)
            self._tiles[group] = mx.array(tiles)
        return self._tiles[group]


def _places(step: Step, sequences: NDArray[np.intp]) -> dict[str, mx.array]:
    return {
        "block_table": mx.array(step.block_table[sequences]),
        "seq_lens": mx.array(step.seq_lens[sequences]),
    }


def check(asked: str | None) -> None:
    """Raises ValueError if there is no such attention, or none here."""
    if asked not in (None, *NAMES):
        raise ValueError(f"There is no attention {asked!r}; choose {', '.join(NAMES)}.")
    if asked == "metal" and not has_gpu():
        raise ValueError("MLX has no Metal here for attention by its kernels: choose mlx.")


def check_blocks(name: str, block_size: int) -> None:
    """Raises ValueError if attention of this name takes no such blocks: tiles lie within them."""
    if name != "mlx" and block_size % kernels.KEYS:
        raise ValueError(
            f"Blocks of {block_size} tokens are no multiple of {kernels.KEYS}, as attention by the "
            "kernels needs: choose another block size, or attention by mlx."
        )


def choose(asked: str | None, shapes: Sequence[LayerShape]) -> tuple[str, Attention]:
    """Name and class of what computes attention over layers of these shapes.

    Args:
        asked: a name, or None for the kernels where there is Metal and MLX's operations elsewhere.

    Raises:
        ValueError: see `check`.
        CheckpointError: kernels were asked for, and do not take such layers.
    """
    check(asked)
    name = asked or ("metal" if has_gpu() else "mlx")
    if name == "mlx":
        return name, MlxAttention
    if refusal := next(filter(None, map(_refusal, shapes)), None):
        if asked:
            raise CheckpointError(f"{refusal} Attention by MLX's operations does: choose mlx.")
        logger.warning("%s MLX's operations compute it.", refusal)
        return "mlx", MlxAttention
    return name, partial(KernelAttention, launcher=MlxLauncher(gpu=name == "metal"))


def _refusal(shape: LayerShape) -> str | None:
    """Why the kernels do not take a layer, one sentence; None if they do."""
    size = shape.key_size
    if shape.value_size == 0:
        if kernels.mla_attention_memory(size) > THREADGROUP_MEMORY:
            return f"The kernels have no memory for latents of {size} numbers."
    elif shape.value_size != size:
        return f"The kernels take no keys of {size} with values of {shape.value_size} numbers."
    elif size not in HEAD_SIZES:
        return f"The kernels take heads of {', '.join(map(str, HEAD_SIZES))} numbers, not {size}."
    return None
