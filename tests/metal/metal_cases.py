"""Small calls of the Metal kernels by name, and how far from the oracle a library is in one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.compare.kernels import nearness
from conformance.kernels.cases import of_features
from conformance.kernels.pools import SHAPE, bits
from fixtures.kernels.cases import NUMPY, Case
from fixtures.kernels.expected import expected
from fixtures.kernels.latents import LatentCase
from reference.metal import library as MetalKernels
from reference.metal.kernels import PARTITION
from reference.oracle import cache as oracle

GROUPED = Case("float32", (1, 33, 20), (1, 5, 20), num_kv_heads=2)
LONG = Case("float32", (3, 2 * PARTITION + 9), (1, 1), num_kv_heads=2)
FP8 = {"kv_cache_dtype": "fp8", "k_scale": 0.013, "v_scale": 0.0071}

ATTENTION: dict[str, Case | LatentCase] = {
    **dict(of_features()),
    "small-blocks": replace(GROUPED, block_size=8),
    "split-sinks": replace(LONG, sinks=True),
    "fp8": replace(GROUPED, **FP8),
    "mla-3-heads": LatentCase("float32", (9, 33), (1, 3), 3, latent_size=80, rope_size=16),
}


def attends(library: MetalKernels, case: Case | LatentCase) -> float:
    """The largest error in units of its bound."""
    call = case.call()
    operation = library.mla_attention if isinstance(case, LatentCase) else library.paged_attention
    return nearness(operation(call.query, *call.caches, **call.named), *expected(call)).ratio


def pools(kv_cache_dtype: str = "auto", dtype: str = "bfloat16"):
    """Key and value cache of any bits at all."""
    stored = {"auto": NUMPY[dtype], "fp8": np.uint8, "int8": np.int8}[kv_cache_dtype]
    size = np.dtype(NUMPY[dtype]).itemsize // np.dtype(stored).itemsize
    return [bits(SHAPE, dtype, seed).view(stored)[..., ::size].copy() for seed in (0, 1)]


def tokens(count: int, dtype: str):
    """Keys and values of tokens, with numbers of every size that 8 bits tell apart, and beyond."""
    random = np.random.default_rng(2)
    shape = (2, count, *SHAPE[2:])
    drawn = random.standard_normal(shape) * 4.0 ** random.integers(-5, 3, shape)
    return list(drawn.astype(NUMPY[dtype]))


SLOTS = (37, -1, 5, 111, 0, 16)
PAIRS = ((3, 5), (3, 1), (0, 6))


def writes(library: MetalKernels, dtype: str = "float32", **named) -> float:
    """0 where tokens are in their slots, and nothing else changed; else infinity."""
    kind = named.get("kv_cache_dtype", "auto")
    found, right, given = pools(kind, dtype), pools(kind, dtype), tokens(len(SLOTS), dtype)
    oracle.reshape_and_cache(*given, *right, np.array(SLOTS), **named)
    library.reshape_and_cache(*given, *found, np.array(SLOTS), **named)
    return differ(found, right)


def copies(library: MetalKernels, dtype: str = "float32") -> float:
    """0 where blocks were copied, and nothing else changed; else infinity."""
    found, right = pools(dtype=dtype), pools(dtype=dtype)
    oracle.copy_blocks(*right, np.array(PAIRS))
    library.copy_blocks(*found, np.array(PAIRS))
    return differ(found, right)


def differ(found, right) -> float:
    same = all(a.tobytes() == b.tobytes() for a, b in zip(found, right, strict=True))
    return 0.0 if same else np.inf


WRITES: dict[str, Callable[[MetalKernels], float]] = {
    "writes-fp8": lambda library: writes(library, **FP8),
    "copies": copies,
}


def ratio(library: MetalKernels, name: str) -> float:
    """Above 1 where a library is wrong in the case of this name."""
    return WRITES[name](library) if name in WRITES else attends(library, ATTENTION[name])
