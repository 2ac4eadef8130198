"""Kernel libraries of one's own, right and wrong, for the tests of what is done with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.targets.kernels.on_torch import TorchKernels


class Own(TorchKernels):
    """As a person's own library is: capabilities are a plain mapping, results are as they are."""

    name = "own"
    says: Any = {"dtypes": ("float32",), "head_sizes": (64,), "features": ("prefill",)}  # noqa: RUF012

    def capabilities(self) -> Any:
        return self.says


class Float64(Own):
    """Returns what it computed in."""

    def paged_attention(self, query, *caches, **named):
        return super().paged_attention(query, *caches, **named).astype(np.float64)


class Nothing(Own):
    """Writes its result somewhere else."""

    def paged_attention(self, query, *caches, **named):
        super().paged_attention(query, *caches, **named)


class OneFeature(Own):
    """Takes no name but those of features that it has."""

    def paged_attention(
        self, query, key_cache, value_cache, *, block_table, seq_lens, query_start_loc, scale
    ):
        return super().paged_attention(
            query,
            key_cache,
            value_cache,
            block_table=block_table,
            seq_lens=seq_lens,
            query_start_loc=query_start_loc,
            scale=scale,
        )


class Incomplete:
    name = "incomplete"

    def capabilities(self) -> Any:
        return {}


def broken() -> Any:
    raise RuntimeError("no GPU")
