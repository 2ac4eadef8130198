"""Kernel libraries of one's own, right and wrong, for the tests of what is done with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.targets.kernels.on_torch import TorchKernels
from reference.oracle import quantised


class Own(TorchKernels):
    """As a person's own library is: capabilities are a plain mapping, results are as they are."""

    name = "own"
    says: Any = {"dtypes": ("float32",), "head_sizes": (64,), "features": ("prefill",)}  # noqa: RUF012

    def capabilities(self) -> Any:
        return self.says


class NoLatents(Own):
    """Says nothing of what it lacks, and lacks something."""

    says: Any = {}  # noqa: RUF012
    mla_attention: Any = property()  # as if it were not there


class LatentsTooLong(Own):
    """Returns whole rows."""

    says: Any = {}  # noqa: RUF012

    def mla_attention(self, query, latent_cache, **named):
        return query


class WorthRounded(TorchKernels):
    """What a cache of 8 bits is worth is rounded to the dtype of the query: vLLM's, on CUDA."""

    def paged_attention(self, query, *caches, **named):
        kind, scales = named.pop("kv_cache_dtype"), (named.pop("k_scale"), named.pop("v_scale"))
        worth = [
            quantised.dequantise(cache, kind, scale).astype(query.dtype)
            for cache, scale in zip(caches, scales, strict=True)
        ]
        return super().paged_attention(query, *worth, **named)


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


class PlainWrites(Own):
    """Takes the names of no cache of 8 bits."""

    def reshape_and_cache(self, key, value, key_cache, value_cache, slot_mapping):
        super().reshape_and_cache(key, value, key_cache, value_cache, slot_mapping)


class Incomplete:
    name = "incomplete"

    def capabilities(self) -> Any:
        return {}


def broken() -> Any:
    raise RuntimeError("no GPU")
