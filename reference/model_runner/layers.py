"""What mlx-lm's model code is given as the cache of a layer: a place in the pool."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import mlx.core as mx
from mlx.nn.layers.base import Module
from mlx_lm.models import base

from reference.model_runner.attention import Scores
from reference.model_runner.kernels import Attention, OfStep
from reference.model_runner.pool import LayerShape, Pool
from reference.model_runner.step import Step

NAME = "scaled_dot_product_attention"
AT_ONCE = 8
"""Layers that MLX is given at once: each time costs it a little."""


class PagedLayer:
    """One layer of the pool for one step, by the names that mlx-lm's models call a cache by.

    Attributes:
        offset: the position of each row, where mlx-lm has one for the whole sequence.
    """

    def __init__(
        self, index: int, step: Step, pool: Pool, attention: OfStep, window: int | None
    ) -> None:
        self._index, self._step, self._pool = index, step, pool
        self._attention, self._window = attention, window
        self.offset = step.offsets

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        """Writes keys and values [num_tokens, num_kv_heads, 1, size] to the pool.

        What is returned is not read: attention over it is `attend`.
        """
        if self._index == 0:
            # MLX computes while Python finds what the step's attention reads.
            mx.async_eval(keys, values)  # type: ignore[no-untyped-call]
        self._pool.write(self._index, self._step.places, keys[:, :, 0], values[:, :, 0])
        return keys, values

    def attend(
        self,
        queries: mx.array,
        scale: float,
        sinks: mx.array | None = None,
        soft_cap: float | None = None,
    ) -> mx.array:
        """[num_tokens, num_heads, 1, value_size] of queries [num_tokens, num_heads, 1, size]."""
        scores = Scores(scale, self._window, soft_cap, sinks)
        keys, values = self._pool.keys[self._index], self._pool.values[self._index]
        found = self._attention(queries[:, :, 0], keys, values, scores)[:, :, None]
        if self._index % AT_ONCE == 0:
            # MLX computes while Python writes down the next layers.
            mx.async_eval(found)  # type: ignore[no-untyped-call]
        return found

    def attend_latents(self, queries: mx.array, latent_size: int, scale: float) -> mx.array:
        """[num_tokens, num_heads, 1, latent_size]: the values are the latents in the keys.

        Args:
            queries: [num_tokens, num_heads, 1, latent_size + rope_size], with U absorbed.
        """
        keys = self._pool.keys[self._index]
        values = keys[..., :latent_size]
        return self._attention(queries[:, :, 0], keys, values, Scores(scale))[:, :, None]


class ShapeOnly:
    """A cache that keeps nothing but the shapes of what it is given: what a layer's pool holds."""

    offset = 0

    def __init__(self) -> None:
        self.shape: LayerShape | None = None

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        self.shape = LayerShape(keys.shape[1], keys.shape[3], values.shape[3])
        return keys, values

    def attend(self, queries: mx.array, *args: Any, **named: Any) -> mx.array:
        return queries

    def attend_latents(self, queries: mx.array, latent_size: int, scale: float) -> mx.array:
        return queries[..., :latent_size]


def scaled_dot_product_attention(
    queries: mx.array,
    keys: mx.array,
    values: mx.array,
    cache: Any,
    scale: float,
    mask: Any,
    sinks: mx.array | None = None,
) -> mx.array:
    """mlx-lm's function of this name; over the pool where the cache is a layer of it."""
    if isinstance(cache, PagedLayer):
        return cache.attend(queries, scale, sinks)
    found: mx.array = base.scaled_dot_product_attention(
        queries, keys, values, cache=cache, scale=scale, mask=mask, sinks=sinks
    )
    return found


def parts(model: Module) -> list[Module]:
    """The model and all modules in it."""
    found: list[Module] = model.modules()  # type: ignore[no-untyped-call]
    return found


def lead_to_pool(model: Module) -> None:
    """Puts the function above in place of mlx-lm's, in the modules that the model's code is in.

    They have it by name, so there is no other place to step in. Caches of other kinds are served as
    before.
    """
    for part in parts(model):
        module = sys.modules[type(part).__module__]
        if getattr(module, NAME, None) is base.scaled_dot_product_attention:
            setattr(module, NAME, scaled_dot_product_attention)


def paged(
    step: Step, pool: Pool, windows: Sequence[int | None], attention: Attention
) -> list[PagedLayer]:
    """The caches of all layers for one step."""
    of_step = attention(step)
    return [PagedLayer(index, step, pool, of_step, window) for index, window in enumerate(windows)]
