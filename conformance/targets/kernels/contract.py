"""What a kernel library is, and what it says that it can do.

NumPy arrays go in and come out, bfloat16 as `ml_dtypes.bfloat16`, so that any framework adapts in a
few lines. The names are vLLM's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fixtures.kernels import DTYPES

Array = NDArray[Any]


class Feature(StrEnum):
    """What a library may leave out, as long as it says so."""

    GROUPED_HEADS = "grouped-heads"  # fewer K/V heads than query heads: GQA and MQA
    SLIDING_WINDOW = "sliding-window"
    LOGITS_SOFT_CAP = "logits-soft-cap"
    SINKS = "sinks"
    ALIBI = "alibi"
    PREFILL = "prefill"  # more than one query token of a sequence
    COPY_BLOCKS = "copy-blocks"
    MLA = "mla"  # `mla_attention`
    FP8_KV_CACHE = "fp8-kv-cache"  # kv_cache_dtype "fp8": bytes of E4M3
    INT8_KV_CACHE = "int8-kv-cache"  # kv_cache_dtype "int8"


class KernelError(Exception):
    """The library broke, or is not what it has to be; one sentence."""


@dataclass(frozen=True)
class KernelCapabilities:
    """What a library honestly does; the rest is UNSUPPORTED and never run.

    Attributes:
        dtypes: of query and caches, names in `DTYPES`.
        head_sizes, block_sizes: those that it has kernels for; None for any.
        features: `Feature` or their values.
        latent_sizes: of `mla_attention`, pairs of latent and rope size; None for any.

    Raises:
        KernelError: a dtype or a feature is none that there is, or nothing is left to run.
    """

    dtypes: Collection[str] = DTYPES
    head_sizes: Collection[int] | None = None
    block_sizes: Collection[int] | None = None
    features: Collection[str] = tuple(Feature)
    latent_sizes: Collection[tuple[int, int]] | None = None

    def __post_init__(self) -> None:
        for what, found, known in (
            ("dtype", self.dtypes, DTYPES),
            ("feature", self.features, tuple(Feature)),
        ):
            if unknown := sorted(set(found) - set(known)):
                raise KernelError(
                    f"Capabilities name the {what} {unknown[0]!r}; there are {', '.join(known)}."
                )
        if not self.dtypes:
            raise KernelError(f"Capabilities name no dtype; there are {', '.join(DTYPES)}.")

    def lacks(
        self,
        *,
        dtype: str,
        block_size: int,
        features: Collection[str],
        head_size: int | None = None,
        latent_size: tuple[int, int] | None = None,
    ) -> str | None:
        """Why a case is not for this library, in a few words; None if it is.

        Args:
            head_size: None for a case of latents.
            latent_size: latent and rope size; None for a case that is of heads.
        """
        if dtype not in self.dtypes:
            return f"no kernels for {dtype}"
        sizes = self.head_sizes
        if head_size is not None and sizes is not None and head_size not in sizes:
            return f"no kernels for a head size of {head_size}"
        if self.block_sizes is not None and block_size not in self.block_sizes:
            return f"no kernels for a block size of {block_size}"
        missing = sorted(set(features) - set(self.features))
        if missing:
            return f"no {missing[0]}"
        known = None if self.latent_sizes is None else {tuple(each) for each in self.latent_sizes}
        if latent_size is not None and known is not None and latent_size not in known:
            return f"no kernels for latents of {latent_size[0]} + {latent_size[1]}"
        return None


class KernelLibrary(Protocol):
    """The operations of a paged KV cache.

    Attributes:
        name: what a person calls it, in reports.
    """

    name: str

    def capabilities(self) -> KernelCapabilities | Mapping[str, Any]:
        """What it does; a mapping of the same names will do, so that nothing need be imported."""
        ...

    def reshape_and_cache(
        self,
        key: Array,  # [num_tokens, num_kv_heads, head_size]
        value: Array,  # [num_tokens, num_kv_heads, head_size]
        key_cache: Array,  # [num_blocks, block_size, num_kv_heads, head_size], changed in place
        value_cache: Array,  # as key_cache
        slot_mapping: Array,  # [num_tokens] int64, -1 for padding
        *,
        kv_cache_dtype: str = "auto",  # "fp8" and "int8": caches of uint8 and int8
        k_scale: float = 1.0,
        v_scale: float = 1.0,
    ) -> None:
        """Writes each token's key and value to its slot, and nothing else.

        What a cache of 8 bits stores is in `reference/oracle/quantised.py`. The last three are
        given only with Feature.FP8_KV_CACHE or Feature.INT8_KV_CACHE, here and below.
        """
        ...

    def copy_blocks(
        self,
        key_cache: Array,  # [num_blocks, block_size, num_kv_heads, head_size], changed in place
        value_cache: Array,  # as key_cache
        block_mapping: Array,  # [num_pairs, 2] int64, from and to
    ) -> None:
        """Copies whole blocks of both caches."""
        ...

    def paged_attention(
        self,
        query: Array,  # [num_tokens, num_heads, head_size]
        key_cache: Array,  # [num_blocks, block_size, num_kv_heads, head_size]
        value_cache: Array,  # as key_cache
        *,
        block_table: Array,  # [num_seqs, max_blocks] int32
        seq_lens: Array,  # [num_seqs] int32
        query_start_loc: Array,  # [num_seqs + 1] int32
        scale: float,
        sliding_window: int | None = None,
        logits_soft_cap: float | None = None,
        sinks: Array | None = None,  # [num_heads] float32
        alibi_slopes: Array | None = None,  # [num_heads] float32
        kv_cache_dtype: str = "auto",
        k_scale: float = 1.0,
        v_scale: float = 1.0,
    ) -> Array:
        """[num_tokens, num_heads, head_size] in the query's dtype; prefill, decode, any mixture."""
        ...


class LatentLibrary(KernelLibrary, Protocol):
    """What a library with Feature.MLA has besides."""

    def mla_attention(
        self,
        query: Array,  # [num_tokens, num_heads, latent_size + rope_size]
        latent_cache: Array,  # [num_blocks, block_size, latent_size + rope_size]
        *,
        latent_size: int,
        block_table: Array,  # [num_seqs, max_blocks] int32
        seq_lens: Array,  # [num_seqs] int32
        query_start_loc: Array,  # [num_seqs + 1] int32
        scale: float,
    ) -> Array:
        """[num_tokens, num_heads, latent_size] in the query's dtype: `reference/oracle/mla.py`.

        Without Feature.PREFILL it is given one query token of a sequence.
        """
        ...


def capabilities_of(library: KernelLibrary) -> KernelCapabilities:
    """What a library says that it does.

    Raises:
        KernelError: it does not say so in the form of `KernelCapabilities`.
    """
    said = library.capabilities()
    if isinstance(said, KernelCapabilities):
        return said
    known = {field.name for field in fields(KernelCapabilities)}
    if not isinstance(said, Mapping) or not set(said) <= known:
        raise KernelError(
            f"{library.name}: capabilities() returned {said!r}; expected KernelCapabilities or a "
            f"mapping of {', '.join(sorted(known))}."
        )
    return KernelCapabilities(**said)


def check_output(operation: str, output: Any, query: Array, size: int | None = None) -> Array:
    """A result of an attention, if it is an array of the query's dtype and as many rows and heads.

    Args:
        size: numbers of each head; by default as many as those of the query.

    Raises:
        KernelError: it is not.
    """
    if not isinstance(output, np.ndarray):
        raise KernelError(f"{operation} returned {type(output).__name__}; expected an array.")
    shape = (*query.shape[:2], query.shape[2] if size is None else size)
    if output.shape != shape or output.dtype != query.dtype:
        raise KernelError(
            f"{operation} returned {output.dtype.name} {list(output.shape)}; expected "
            f"{query.dtype.name} {list(shape)}{', as query is' if size is None else ''}."
        )
    return output
