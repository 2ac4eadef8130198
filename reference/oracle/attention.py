"""Attention of one query over the keys that it sees.

    o_h = Σ_j p_hj v_j          p_hj = exp(s_hj) / (Σ_i exp(s_hi) + exp(sink_h))

    s_hj = cap(scale · q_h·k_j) - slope_h · distance_j          cap(x) = c · tanh(x / c)

Every head h reads the K/V head h // (heads / K/V heads). Sources: scaled dot product, Vaswani et
al. 2017, equation 1; K/V heads that queries share, Shazeer 2019 (MQA) and Ainslie et al. 2023
(GQA); soft cap, Gemma 2 (2024), section 2; slopes of distance, Press et al. 2022 (ALiBi); sink, a
learned logit that takes a share and has no value, gpt-oss (2025) after Xiao et al. 2024.

Masks are no arithmetic here: what a query does not see is not among the keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """What changes the logits, or the sum of their exponentials.

    Attributes:
        scale: what q·k is multiplied by.
        logits_soft_cap: c; None for none.
        sinks: [num_heads], one logit a head; None for none.
        alibi_slopes: [num_heads]; None for none.
    """

    scale: float
    logits_soft_cap: float | None = None
    sinks: Array | None = None
    alibi_slopes: Array | None = None


@dataclass(frozen=True)
class Attended:
    """What one query came to.

    Attributes:
        output: o, [num_heads, value_size].
        lse: logarithm of the sum of exponentials with the sink among them, [num_heads].
        logits: s, [num_heads, num_keys].
        weights: p, [num_heads, num_keys].
    """

    output: Float64
    lse: Float64
    logits: Float64
    weights: Float64


def attend(
    query: Array, keys: Array, values: Array, distances: Array, features: Features
) -> Attended:
    """Attention of one query.

    Args:
        query: [num_heads, head_size].
        keys: [num_keys, num_kv_heads, head_size], those that the query sees; at least one.
        values: [num_keys, num_kv_heads, value_size].
        distances: [num_keys], position of the query less that of the key.
    """
    s = logits(query, keys, distances, features)  # [num_heads, num_keys]
    every = s if features.sinks is None else np.concatenate([s, wide(features.sinks)[:, None]], -1)
    lse = logsumexp(every)
    p = np.exp(s - lse[:, None])
    v = of_heads(values, len(query))
    return Attended(np.einsum("hj,jhd->hd", p, v), lse, s, p)


def logits(query: Array, keys: Array, distances: Array, features: Features) -> Float64:
    """s, [num_heads, num_keys]."""
    s = features.scale * np.einsum("hd,jhd->hj", wide(query), of_heads(keys, len(query)))
    if features.logits_soft_cap is not None:
        s = features.logits_soft_cap * np.tanh(s / features.logits_soft_cap)
    if features.alibi_slopes is not None:
        s = s - wide(features.alibi_slopes)[:, None] * wide(distances)
    return np.asarray(s)


def logsumexp(s: Float64) -> Float64:
    """log Σ exp(s) over the last axis, without overflow."""
    peak = s.max(axis=-1)
    return np.asarray(peak + np.log(np.exp(s - peak[..., None]).sum(axis=-1)))


def of_heads(kv: Array, num_heads: int) -> Float64:
    """Keys or values of each query head: [n, num_kv_heads, size] to [n, num_heads, size]."""
    return np.repeat(wide(kv), num_heads // kv.shape[1], axis=1)


def wide(array: Array) -> Float64:
    """The same numbers in float64."""
    return np.asarray(array).astype(np.float64)
